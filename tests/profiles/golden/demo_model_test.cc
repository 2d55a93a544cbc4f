// What each profile makes of the demo model on SST-2's development set, 872 sentences with labels: the float32 ones
// give Hugging Face's labels, the faster ones may move a few.
#include <gtest/gtest.h>

#include <algorithm>
#include <ostream>
#include <string>
#include <vector>

#include "profiles/encoder/calibration.h"
#include "profiles/libtorch/libtorch.h"
#include "profiles/pruned/pruned.h"
#include "profiles/quality/agreement.h"
#include "profiles/registry/recipes.h"
#include "tests/profiles/golden/golden_cases.h"
#include "tests/profiles/loaded_model.h"
#include "tests/test_paths.h"

namespace roberta::profiles_test {
namespace {

constexpr size_t kSentences = 872, kRight = 770;

/// The limits, over Hugging Face's float32 logits: `agreement` is a share, `accuracy_drop` in points.
quality::Gate Limits(double agreement, double accuracy_drop) {
  return {.min_agreement = agreement, .max_mean_abs_dp = std::nullopt, .max_accuracy_drop_points = accuracy_drop};
}

constexpr char kDemo[] = "models/demo-sst2", kPrunedVariant[] = "models/demo-sst2/pruned";

/// A profile as the server makes it of the demo model: int8 is smoothed by the calibration that is stored there.
struct ProfileUnderTest {
  const char* name;
  Loader load;
  quality::Gate limits;
  const char* directory = kDemo;
  bool smoothed = false;
};

encoder::Smoothing StoredSmoothing(const checkpoint::Checkpoint& checkpoint) {
  auto calibration = encoder::ReadCalibration(checkpoint);
  EXPECT_TRUE(calibration.ok()) << calibration.status();
  return calibration->value().smoothing;
}

/// Loads a profile that is smoothed by the stored calibration.
Loader Smoothed(const std::string& name) {
  return [name](const checkpoint::Checkpoint& checkpoint) -> absl::StatusOr<std::unique_ptr<const encoder::Profile>> {
    const encoder::Smoothing smoothing = StoredSmoothing(checkpoint);
    return profiles_test::Packed(name, {.smoothing = &smoothing})(checkpoint);
  };
}

void PrintTo(const ProfileUnderTest& profile, std::ostream* out) {
  *out << profile.name;
}

const ProfileUnderTest kProfiles[] = {{"reference", &libtorch::LoadReference, Limits(1, 0)},
                                      {"baseline", profiles_test::Packed("baseline"), Limits(1, 0)},
                                      {"amp", profiles_test::Packed("amp"), Limits(0.998, 0.3)},
                                      {"quantized", Smoothed("quantized"), Limits(0.995, 0.3), kDemo, true},
                                      {"pruned", profiles_test::Packed("pruned"), Limits(0.96, 0.5), kPrunedVariant},
                                      {"integrated", Smoothed("integrated"), Limits(0.96, 0.5), kPrunedVariant, true}};

quality::Sample SampleOf(const std::vector<GoldenCase>& cases, const std::vector<std::string>& labels) {
  quality::Sample sample;
  for (const GoldenCase& one : cases) {
    const auto label = std::find(labels.begin(), labels.end(), one.label) - labels.begin();
    EXPECT_LT(label, std::ssize(labels)) << one.label;
    sample.push_back({one.text, std::nullopt, static_cast<int32_t>(label)});
  }
  return sample;
}

class DemoModel : public testing::TestWithParam<ProfileUnderTest> {
 protected:
  void SetUp() override { ROBERTA_SKIP_WITHOUT_MODULE(GetParam().name); }
};

INSTANTIATE_TEST_SUITE_P(All, DemoModel, testing::ValuesIn(kProfiles),
                         [](const auto& one) { return std::string(one.param.name); });

TEST_P(DemoModel, AnswersTheDevelopmentSetAsHuggingFaceDoes) {
  ROBERTA_SHARED_OR_SKIP(golden_file, "models/demo-sst2/golden_logits.jsonl");
  const LoadedModel model(test_paths::InRepository(GetParam().directory), GetParam().load);
  const checkpoint::ModelConfig& config = model.checkpoint->config();
  const std::vector<GoldenCase> cases = ReadGolden(golden_file, model);
  ASSERT_EQ(cases.size(), kSentences);
  const std::vector<double> exact = GoldenLogitsOf(cases);
  // Without smoothing the golden logits' tests compute the same.
  const bool is_shared = !GetParam().smoothed && GetParam().directory == kDemo;
  const std::vector<float> logits =
      is_shared ? AnswersOf(GetParam().name, GetParam().load, test_paths::InRepository(kDemo), golden_file).alone
                : RunAlone(model, cases);
  const quality::Quality quality = quality::CompareLogits(logits, std::vector<float>(exact.begin(), exact.end()),
                                                          SampleOf(cases, config.labels), config);
  std::printf("%s on demo-sst2: %s\n", GetParam().name, quality::QualityText(quality).c_str());
  EXPECT_DOUBLE_EQ(quality.baseline_accuracy.value(), static_cast<double>(kRight) / kSentences);
  const absl::Status status = quality::CheckGate(GetParam().limits, quality);
  EXPECT_TRUE(status.ok()) << status;
}

TEST(GoldenFile, PredictsTheLabelOfTheLargestLogit) {
  ROBERTA_SHARED_OR_SKIP(golden_file, "models/demo-sst2/golden_logits.jsonl");
  const LoadedModel model(test_paths::InRepository("models/demo-sst2"), profiles_test::Packed("baseline"));
  for (const GoldenCase& one : ReadGolden(golden_file, model)) {
    const auto best = std::max_element(one.golden_logits.begin(), one.golden_logits.end()) - one.golden_logits.begin();
    EXPECT_EQ(model.checkpoint->config().labels[static_cast<size_t>(best)], one.predicted) << one.text;
  }
}

}  // namespace
}  // namespace roberta::profiles_test
