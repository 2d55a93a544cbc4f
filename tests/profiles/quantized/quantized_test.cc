#include "profiles/quantized/quantized.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

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

TEST_F(QuantizedTest, AgreesWithBaselineOnTheDevelopmentSet) {
  ROBERTA_SHARED_OR_SKIP(golden_file, "models/demo-sst2/golden_logits.jsonl");
  const std::vector<std::string>& labels = model_->checkpoint->config().labels;
  std::ifstream file(golden_file);
  int total = 0, right = 0, agreed = 0;
  for (std::string line; std::getline(file, line);) {
    const nlohmann::json golden = nlohmann::json::parse(line);
    const std::vector<float> logits = model_->Run({model_->Encode(golden["text"].get<std::string>()).ids});
    const auto best = static_cast<size_t>(std::max_element(logits.begin(), logits.end()) - logits.begin());
    ++total;
    right += labels[best] == golden["label"].get<std::string>();
    agreed += labels[best] == golden["predicted"].get<std::string>();
  }
  std::printf("quantized on demo-sst2: %d of %d right, agrees with fp32 on %d\n", right, total, agreed);
  EXPECT_EQ(total, 872);
  EXPECT_GE(agreed, std::ceil(0.996 * total));
  EXPECT_GE(right, 770 - 0.003 * total);
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
  const LoadedModel baseline(demo, &baseline::LoadBaseline);
  const Texts calibration(sample, baseline, 0, 128), others(sample, baseline, 128, 256);
  ASSERT_EQ(others.ids.size(), 128u);
  const LoadedModel smoothed(demo,
                             [&](const auto& checkpoint) { return LoadSmoothed(checkpoint, calibration.batches); });
  const std::vector<float> exact = baseline.Run(others.ids);
  const double with = MeanDifference(smoothed.Run(others.ids), exact);
  const double without = MeanDifference(model_->Run(others.ids), exact);
  std::printf("mean |dlogit| to baseline: %.4f smoothed, %.4f not\n", with, without);
  EXPECT_LT(with, without);
  EXPECT_EQ(smoothed.Run({others.ids[5]})[0], smoothed.Run({others.ids[4], others.ids[5]})[2]);
}

TEST_F(QuantizedTest, SmoothingNeedsATextToMeasureOn) {
  EXPECT_TRUE(absl::IsInvalidArgument(LoadSmoothed(*model_->checkpoint, {}).status()));
}

/// The weights are random, so labels mean nothing: what is asked for is that noise stays below a tenth of the signal.
class QuantizedGolden : public testing::TestWithParam<const char*> {};

TEST_P(QuantizedGolden, LogitsAreClose) {
  ROBERTA_SHARED_OR_SKIP(directory, std::string("models/") + GetParam());
  const LoadedModel model(directory, &LoadQuantized);
  std::ifstream file(directory + "/golden_logits.jsonl");
  double squares = 0, difference = 0;
  for (std::string line; std::getline(file, line);) {
    const nlohmann::json golden = nlohmann::json::parse(line);
    std::optional<std::string> pair;
    if (golden.contains("text_pair") && !golden["text_pair"].is_null()) pair = golden["text_pair"].get<std::string>();
    const std::vector<float> logits = model.Run({model.Encode(golden["text"].get<std::string>(), pair).ids});
    for (size_t i = 0; i < logits.size(); ++i) {
      const double expected = golden["logits"][i].get<double>();
      squares += expected * expected;
      difference += (static_cast<double>(logits[i]) - expected) * (static_cast<double>(logits[i]) - expected);
    }
  }
  std::printf("%s: noise to signal %.4f\n", GetParam(), std::sqrt(difference / squares));
  EXPECT_LT(std::sqrt(difference / squares), 0.1);
}

INSTANTIATE_TEST_SUITE_P(All, QuantizedGolden,
                         testing::Values("tiny-3label", "odd-multilabel-bf16", "regression-fp16"));

}  // namespace
}  // namespace roberta::quantized
