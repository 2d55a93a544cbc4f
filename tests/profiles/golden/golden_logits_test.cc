// Every checkpoint's golden file holds the logits that Hugging Face's transformers computes for it in float32; each
// profile must reach them within its tolerance.
#include <gtest/gtest.h>

#include <map>
#include <optional>
#include <ostream>
#include <string>
#include <tuple>
#include <vector>

#include "profiles/encoder/profile.h"
#include "profiles/kernels/linear.h"
#include "profiles/libtorch/libtorch.h"
#include "profiles/pruned/pruned.h"
#include "tests/profiles/golden/golden_cases.h"
#include "tests/profiles/loaded_model.h"
#include "tests/test_paths.h"

namespace roberta::profiles_test {
namespace {

using kernels::Precision;

/// For a profile that computes in float32 a bound for every logit; for the others one for all together, which is what
/// rounding makes of a checkpoint: measured, and half as much again.
struct Tolerance {
  std::optional<double> largest_difference;
  std::map<std::string, double> noise_to_signal;  ///< by checkpoint
};

const Tolerance kFloat32 = {1e-4, {}};
const Tolerance kBFloat16 = {
    std::nullopt,
    {{"tiny-3label", 0.006}, {"odd-multilabel-bf16", 0.004}, {"regression-fp16", 0.017}, {"demo-sst2", 0.004}}};
const Tolerance kInt8 = {
    std::nullopt,
    {{"tiny-3label", 0.016}, {"odd-multilabel-bf16", 0.025}, {"regression-fp16", 0.06}, {"demo-sst2", 0.026}}};

struct ProfileUnderTest {
  const char* name;
  Loader load;
  Tolerance tolerance;
  double neighbors_change;  ///< how much a logit may differ alone and in a batch
};

void PrintTo(const ProfileUnderTest& profile, std::ostream* out) {
  *out << profile.name;
}

/// What amp is where bfloat16 pays for every product.
auto LoadAllBFloat16(const checkpoint::Checkpoint& checkpoint) {
  return encoder::LoadPackedClassifier(checkpoint, {.products = {Precision::kBFloat16}, .mixed_attention = true});
}

const ProfileUnderTest kProfiles[] = {
    {"reference", &libtorch::LoadReference, kFloat32, 1e-4},
    {"baseline", profiles_test::Packed("baseline"), kFloat32, 1e-4},
    {"amp", profiles_test::Packed("amp"), kBFloat16, 1e-4},
    {"amp_all_bf16", &LoadAllBFloat16, kBFloat16, 1e-4},
    {"quantized", profiles_test::Packed("quantized"), kInt8, 0},
    // Those that prune keep all here: what they cut away is not in the golden logits. See pruned_twin_test.
    {"pruned", profiles_test::Packed("pruned", {.keep_macs = 1}), kFloat32, 1e-4},
    {"integrated", profiles_test::Packed("integrated", {.keep_macs = 1}), kInt8, 0}};
const char* const kCheckpoints[] = {"tiny-3label", "odd-multilabel-bf16", "regression-fp16", "demo-sst2"};

class GoldenLogits : public testing::TestWithParam<std::tuple<ProfileUnderTest, const char*>> {
 protected:
  const ProfileUnderTest& profile() const { return std::get<0>(GetParam()); }
  const char* checkpoint() const { return std::get<1>(GetParam()); }

  void SetUp() override {
    ROBERTA_SKIP_WITHOUT_MODULE(profile().name);
    if (std::string(profile().name) != "amp_all_bf16") return;
    const auto product = kernels::LinearShape::Make(64, 64, 16, Precision::kBFloat16);
    if (!product.ok()) GTEST_SKIP() << "not measured: " << product.status();
  }

  /// What the golden file of `directory` asks, by the checkpoint beside it; the demo model is the one that is shipped.
  const Answers& AnswersIn(const std::string& directory) const {
    const std::string model =
        std::string(checkpoint()) == "demo-sst2" ? test_paths::InRepository("models/demo-sst2") : directory;
    return AnswersOf(profile().name, profile().load, model, directory + "/golden_logits.jsonl");
  }

  void ExpectWithinTolerance(const std::vector<float>& logits, const std::vector<GoldenCase>& cases, const char* how) {
    const Distance distance = DistanceOf(logits, GoldenLogitsOf(cases));
    std::printf("%s on %s, %s: largest difference %.2e, noise to signal %.5f over %zu texts\n", profile().name,
                checkpoint(), how, distance.largest, distance.noise_to_signal, cases.size());
    const Tolerance& tolerance = profile().tolerance;
    if (tolerance.largest_difference) {
      EXPECT_LT(distance.largest, *tolerance.largest_difference);
    } else {
      EXPECT_LT(distance.noise_to_signal, tolerance.noise_to_signal.at(checkpoint()));
    }
  }
};

TEST_P(GoldenLogits, MatchAlone) {
  ROBERTA_SHARED_OR_SKIP(directory, std::string("models/") + checkpoint());
  const Answers& answers = AnswersIn(directory);
  ExpectWithinTolerance(answers.alone, answers.cases, "alone");
}

TEST_P(GoldenLogits, MatchInMixedBatches) {
  ROBERTA_SHARED_OR_SKIP(directory, std::string("models/") + checkpoint());
  const Answers& answers = AnswersIn(directory);
  ExpectWithinTolerance(answers.in_batches, answers.cases, "in mixed batches");
}

TEST_P(GoldenLogits, AreThoseOfATextAloneInABatchToo) {
  ROBERTA_SHARED_OR_SKIP(directory, std::string("models/") + checkpoint());
  const Answers& answers = AnswersIn(directory);
  const double largest = DistanceOf(answers.in_batches, {answers.alone.begin(), answers.alone.end()}).largest;
  std::printf("%s on %s: largest difference of alone and in a batch %.2e\n", profile().name, checkpoint(), largest);
  EXPECT_LE(largest, profile().neighbors_change);
}

INSTANTIATE_TEST_SUITE_P(All, GoldenLogits,
                         testing::Combine(testing::ValuesIn(kProfiles), testing::ValuesIn(kCheckpoints)),
                         [](const auto& one) {
                           return std::string(std::get<0>(one.param).name) + "_" + InATestName(std::get<1>(one.param));
                         });

class GoldenTokens : public testing::TestWithParam<const char*> {};

TEST_P(GoldenTokens, CountsAndTruncationMatch) {
  ROBERTA_SHARED_OR_SKIP(directory, std::string("models/") + GetParam());
  const LoadedModel model(directory, profiles_test::Packed("baseline"));
  for (const GoldenCase& one : ReadGolden(directory + "/golden_logits.jsonl", model)) {
    EXPECT_EQ(one.ids.size(), one.golden_tokens) << one.text;
    EXPECT_EQ(one.truncated, one.golden_truncated) << one.text;
  }
}

INSTANTIATE_TEST_SUITE_P(All, GoldenTokens, testing::ValuesIn(kCheckpoints),
                         [](const auto& one) { return InATestName(one.param); });

}  // namespace
}  // namespace roberta::profiles_test
