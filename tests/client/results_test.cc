#include "client/cli/results.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <nlohmann/json.hpp>
#include <string>

namespace roberta::cli {
namespace {

using ::testing::HasSubstr;

/// What a writer wrote.
class Written {
 public:
  Written() : stream_(open_memstream(&text_, &size_)) {}
  ~Written() {
    std::fclose(stream_);
    std::free(text_);
  }
  std::FILE* stream() { return stream_; }
  std::string text() {
    std::fflush(stream_);
    return std::string(text_, size_);
  }

 private:
  char* text_ = nullptr;
  size_t size_ = 0;
  std::FILE* stream_;
};

v1::Classification Praise() {
  v1::Classification praise;
  praise.set_label("positive");
  praise.set_score(0.9f);
  auto* score = praise.add_scores();
  score->set_label("positive");
  score->set_score(0.9f);
  praise.set_token_count(5);
  return praise;
}

TEST(JsonLinesWriter, WritesTheDocumentedFields) {
  Written written;
  ResultWriter::JsonLines(written.stream())->Write({.index = 3, .id = "x"}, Praise(), "baseline");
  EXPECT_EQ(
      written.text(),
      R"({"index":3,"id":"x","label":"positive","score":0.9,"scores":[{"label":"positive","score":0.9}],"tokens":5,)"
      R"("truncated":false,"profile":"baseline"})"
      "\n");
}

TEST(JsonLinesWriter, LogitsOnlyIfTheResultHasThem) {
  Written written;
  v1::Classification praise = Praise();
  praise.add_logits(-1.5f);
  ResultWriter::JsonLines(written.stream())->Write({}, praise, "baseline");
  EXPECT_EQ(nlohmann::json::parse(written.text())["logits"], nlohmann::json({-1.5}));
}

TEST(JsonLinesWriter, AFailureHasCodeAndMessage) {
  Written written;
  ResultWriter::JsonLines(written.stream())->WriteFailure({.index = 1}, absl::InvalidArgumentError("blank"));
  EXPECT_EQ(written.text(), R"({"index":1,"error":{"code":"INVALID_ARGUMENT","message":"blank"}})"
                            "\n");
}

TEST(TableWriter, WritesAHeaderOnce) {
  Written written;
  const auto writer = ResultWriter::Table(written.stream(), 8);
  writer->Write({.text = "good"}, Praise(), "baseline");
  writer->WriteFailure({.text = " "}, absl::InvalidArgumentError("blank"));
  EXPECT_EQ(written.text(),
            "text      label            score  profile     tokens\n"
            "good      positive        0.9000  baseline         5\n"
            "          -                    -  INVALID_ARGUMENT\n");
}

TEST(TableWriter, MarksWhatWasTruncated) {
  Written written;
  v1::Classification praise = Praise();
  praise.set_truncated(true);
  ResultWriter::Table(written.stream(), 8)->Write({.text = "a"}, praise, "baseline");
  EXPECT_THAT(written.text(), HasSubstr("5 cut\n"));
}

TEST(ResultWriter, AFullDiskIsNoticed) {
  std::FILE* full = std::fopen("/dev/full", "w");
  ASSERT_NE(full, nullptr);
  const auto writer = ResultWriter::JsonLines(full);
  writer->Write({}, Praise(), "baseline");
  EXPECT_FALSE(writer->Flush());
  std::fclose(full);
}

TEST(PhaseMeans, AreMeansInMilliseconds) {
  v1::Phases phases;
  phases.set_infer_ns(3000000);
  phases.set_total_ns(3000000);
  PhaseMeans means;
  means.Add(phases);
  phases.set_infer_ns(1000000);
  phases.set_total_ns(1000000);
  means.Add(phases);
  EXPECT_EQ(means.Text(), "tokenize 0.000  queue 0.000  form 0.000  infer 2.000  post 0.000  total 2.000");
}

v1::Classification Labeled(const std::string& label, int index) {
  v1::Classification classification;
  classification.set_label(label);
  classification.set_index(index);
  return classification;
}

TEST(Accuracy, CountsNamesAndIndexes) {
  Accuracy accuracy;
  accuracy.Add("positive", Labeled("positive", 1));
  accuracy.Add("1", Labeled("positive", 1));
  accuracy.Add("negative", Labeled("positive", 1));
  EXPECT_EQ(accuracy.Text(), "accuracy 66.67 % (2 of 3)");
}

TEST(Accuracy, DoesNotCountItemsWithoutALabel) {
  Accuracy accuracy;
  accuracy.Add("", Labeled("positive", 1));
  EXPECT_EQ(accuracy.labeled(), 0u);
}

}  // namespace
}  // namespace roberta::cli
