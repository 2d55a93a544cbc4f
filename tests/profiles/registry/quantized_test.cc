#include <gtest/gtest.h>

#include <cmath>
#include <cstdio>
#include <fstream>
#include <string>
#include <utility>
#include <vector>

#include "profiles/encoder/calibration.h"
#include "tests/profiles/loaded_model.h"
#include "tests/test_paths.h"

namespace roberta::registry {
namespace {

using profiles_test::LoadedModel;

class QuantizedTest : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    model_ = new LoadedModel(test_paths::InRepository("models/demo-sst2"), profiles_test::Packed("quantized"));
  }
  static void TearDownTestSuite() { delete std::exchange(model_, nullptr); }
  static LoadedModel* model_;
};

LoadedModel* QuantizedTest::model_ = nullptr;

TEST_F(QuantizedTest, IsSmallerThanBaseline) {
  const LoadedModel baseline(test_paths::InRepository("models/demo-sst2"), profiles_test::Packed("baseline"));
  EXPECT_LT(model_->profile->description().weight_bytes, baseline.profile->description().weight_bytes);
}

/// Texts of a TSV with the columns label and text, as batches of one.
struct Texts {
  Texts(const std::string& path, const LoadedModel& model, size_t begin, size_t end) {
    std::ifstream file(path);
    std::string line;
    std::getline(file, line);
    for (size_t i = 0; i < end && std::getline(file, line); ++i) {
      if (i >= begin) ids.push_back(model.Encode(line.substr(line.find('\t') + 1)).ids);
    }
    for (const std::vector<int32_t>& text : ids) cu_seqlens.push_back({0, static_cast<int32_t>(text.size())});
    for (size_t i = 0; i < ids.size(); ++i) batches.push_back({ids[i], cu_seqlens[i]});
  }
  std::vector<std::vector<int32_t>> ids, cu_seqlens;
  std::vector<encoder::PackedBatch> batches;
};

double MeanDifference(const std::vector<float>& a, const std::vector<float>& b) {
  double sum = 0;
  for (size_t i = 0; i < a.size(); ++i) sum += std::abs(static_cast<double>(a[i]) - static_cast<double>(b[i]));
  return sum / static_cast<double>(a.size());
}

TEST_F(QuantizedTest, SmoothingBringsLogitsNearerToBaselineOnTextsThatItHasNotSeen) {
  const std::string demo = test_paths::InRepository("models/demo-sst2"), sample = demo + "/sample.tsv";
  const LoadedModel baseline(demo, profiles_test::Packed("baseline"));
  const Texts calibration(sample, baseline, 0, 128), others(sample, baseline, 128, 256);
  ASSERT_EQ(others.ids.size(), 128u);
  const LoadedModel smoothed(demo, profiles_test::Packed("quantized", {.calibration = calibration.batches}));
  const std::vector<float> exact = baseline.Run(others.ids);
  const double with = MeanDifference(smoothed.Run(others.ids), exact);
  const double without = MeanDifference(model_->Run(others.ids), exact);
  std::printf("mean |dlogit| to baseline: %.4f smoothed, %.4f not\n", with, without);
  EXPECT_LT(with, without);
  EXPECT_EQ(smoothed.Run({others.ids[5]})[0], smoothed.Run({others.ids[4], others.ids[5]})[2]);
}

TEST_F(QuantizedTest, SmoothingNeedsATextToMeasureOn) {
  EXPECT_TRUE(absl::IsInvalidArgument(encoder::MeasureInputs(*model_->checkpoint, {}, {}).status()));
}

TEST_F(QuantizedTest, RangesThatMakeAWeightInfiniteAreRefused) {
  const Texts texts(test_paths::InRepository("models/demo-sst2/sample.tsv"), *model_, 0, 1);
  encoder::Smoothing smoothing = {.inputs = encoder::MeasureInputs(*model_->checkpoint, {}, texts.batches).value(),
                                  .alpha = 1};
  std::vector<float>& ranges = smoothing.inputs[2].intermediate;
  ranges.assign(ranges.size(), 0);
  ranges[7] = 3e38f;
  const absl::Status status =
      profiles_test::Packed("quantized", {.smoothing = &smoothing})(*model_->checkpoint).status();
  EXPECT_TRUE(absl::IsInvalidArgument(status)) << status;
  EXPECT_NE(status.message().find("layer.2.intermediate.dense, smoothed"), absl::string_view::npos) << status;
}

}  // namespace
}  // namespace roberta::registry
