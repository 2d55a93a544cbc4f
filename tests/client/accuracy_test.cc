#include "client/cli/accuracy.h"

#include <gtest/gtest.h>

namespace roberta::cli {
namespace {

v1::Classification Labelled(const std::string& label, int index) {
  v1::Classification classification;
  classification.set_label(label);
  classification.set_index(index);
  return classification;
}

TEST(Accuracy, CountsNamesAndIndexes) {
  Accuracy accuracy;
  accuracy.Add("positive", Labelled("positive", 1));
  accuracy.Add("1", Labelled("positive", 1));
  accuracy.Add("negative", Labelled("positive", 1));
  EXPECT_EQ(accuracy.Text(), "accuracy 66.67 % (2 of 3)");
}

TEST(Accuracy, DoesNotCountItemsWithoutALabel) {
  Accuracy accuracy;
  accuracy.Add("", Labelled("positive", 1));
  EXPECT_EQ(accuracy.labelled(), 0u);
}

}  // namespace
}  // namespace roberta::cli
