// What each profile makes of the demo model on SST-2's development set, 872 sentences with labels: the float32 ones
// give Hugging Face's labels, the faster ones may move a few.
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <ostream>
#include <string>
#include <vector>

#include "profiles/amp/amp.h"
#include "profiles/baseline/baseline.h"
#include "profiles/integrated/integrated.h"
#include "profiles/pruned/pruned.h"
#include "profiles/quality/agreement.h"
#include "profiles/quantized/quantized.h"
#include "tests/profiles/golden/golden_cases.h"
#include "tests/profiles/loaded_model.h"
#include "tests/test_paths.h"
#ifdef ROBERTA_HAS_REFERENCE
#include "profiles/reference/reference_profile.h"
#endif

namespace roberta::profiles_test {
namespace {

constexpr double kKeepMacs = 2.0 / 3.0;
constexpr size_t kSentences = 872, kRight = 770;

/// The limits, over Hugging Face's float32 logits: `agreement` is a share, `accuracy_drop` in points.
quality::Gate Limits(double agreement, double accuracy_drop) {
  return {.min_agreement = agreement, .max_mean_abs_dp = std::nullopt, .max_accuracy_drop_points = accuracy_drop};
}

struct ProfileUnderTest {
  const char* name;
  Loader load;
  quality::Gate limits;
};

void PrintTo(const ProfileUnderTest& profile, std::ostream* out) {
  *out << profile.name;
}

const ProfileUnderTest kProfiles[] = {
#ifdef ROBERTA_HAS_REFERENCE
    {"reference", &reference::LoadReferenceProfile, Limits(1, 0)},
#endif
    {"baseline", &baseline::LoadBaseline, Limits(1, 0)},
    {"amp", &amp::LoadAmp, Limits(0.998, 0.3)},
    {"quantized", &quantized::LoadQuantized, Limits(0.996, 0.3)},
    // A mask made at load has not seen a text: what it costs is printed, no more.
    {"pruned", [](const auto& checkpoint) { return pruned::LoadPruned(checkpoint, kKeepMacs); }, {}},
    {"integrated", [](const auto& checkpoint) { return integrated::LoadIntegrated(checkpoint, kKeepMacs); }, {}}};

quality::Sample SampleOf(const std::vector<GoldenCase>& cases, const std::vector<std::string>& labels) {
  quality::Sample sample;
  for (const GoldenCase& one : cases) {
    const auto label = std::find(labels.begin(), labels.end(), one.label) - labels.begin();
    EXPECT_LT(label, std::ssize(labels)) << one.label;
    sample.push_back({one.text, std::nullopt, static_cast<int32_t>(label)});
  }
  return sample;
}

class DemoModel : public testing::TestWithParam<ProfileUnderTest> {};

INSTANTIATE_TEST_SUITE_P(All, DemoModel, testing::ValuesIn(kProfiles),
                         [](const auto& one) { return std::string(one.param.name); });

TEST_P(DemoModel, AnswersTheDevelopmentSetAsHuggingFaceDoes) {
  ROBERTA_SHARED_OR_SKIP(golden_file, "models/demo-sst2/golden_logits.jsonl");
  const LoadedModel model(test_paths::InRepository("models/demo-sst2"), GetParam().load);
  const checkpoint::ModelConfig& config = model.checkpoint->config();
  const std::vector<GoldenCase> cases = ReadGolden(golden_file, model);
  ASSERT_EQ(cases.size(), kSentences);
  const std::vector<double> exact = GoldenLogitsOf(cases);
  const quality::Quality quality = quality::CompareLogits(
      RunAlone(model, cases), std::vector<float>(exact.begin(), exact.end()), SampleOf(cases, config.labels), config);
  std::printf("%s on demo-sst2: %s\n", GetParam().name, quality::QualityText(quality).c_str());
  EXPECT_DOUBLE_EQ(quality.baseline_accuracy.value(), static_cast<double>(kRight) / kSentences);
  const absl::Status status = quality::CheckGate(GetParam().limits, quality);
  EXPECT_TRUE(status.ok()) << status;
}

TEST(GoldenFile, PredictsTheLabelOfTheLargestLogit) {
  ROBERTA_SHARED_OR_SKIP(golden_file, "models/demo-sst2/golden_logits.jsonl");
  const LoadedModel model(test_paths::InRepository("models/demo-sst2"), &baseline::LoadBaseline);
  for (const GoldenCase& one : ReadGolden(golden_file, model)) {
    const auto best = std::max_element(one.golden_logits.begin(), one.golden_logits.end()) - one.golden_logits.begin();
    EXPECT_EQ(model.checkpoint->config().labels[static_cast<size_t>(best)], one.predicted) << one.text;
  }
}

}  // namespace
}  // namespace roberta::profiles_test
