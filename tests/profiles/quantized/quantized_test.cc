#include "profiles/quantized/quantized.h"

#include <gtest/gtest.h>

#include <utility>

#include "profiles/baseline/baseline.h"
#include "tests/profiles/loaded_model.h"
#include "tests/test_paths.h"

namespace roberta::quantized {
namespace {

using profiles_test::LoadedModel;

class QuantizedTest : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    model_ = new LoadedModel(test_paths::InRepository("models/demo-sst2"), &LoadQuantized);
  }
  static void TearDownTestSuite() { delete std::exchange(model_, nullptr); }
  static LoadedModel* model_;
};

LoadedModel* QuantizedTest::model_ = nullptr;

TEST_F(QuantizedTest, IsSmallerThanBaseline) {
  const LoadedModel baseline(test_paths::InRepository("models/demo-sst2"), &baseline::LoadBaseline);
  EXPECT_LT(model_->profile->description().weight_bytes, baseline.profile->description().weight_bytes);
}

}  // namespace
}  // namespace roberta::quantized
