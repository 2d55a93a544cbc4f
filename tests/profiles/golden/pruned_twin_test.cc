// A pruned model has no golden logits of its own, but a dense twin: the checkpoint with zeros for all that is pruned.
// What `baseline` computes of that is what the profiles that prune must reach.
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "profiles/pruned/pruned.h"
#include "tests/profiles/golden/golden_cases.h"
#include "tests/profiles/loaded_model.h"
#include "tests/profiles/pruned/save_pruned.h"
#include "tests/test_paths.h"

namespace roberta::profiles_test {
namespace {

constexpr double kKeepMacs = 2.0 / 3.0;
/// Noise to signal of int8 by checkpoint: measured, and half as much again.
const std::map<std::string, double> kInt8Noise = {
    {"tiny-3label", 0.011}, {"odd-multilabel-bf16", 0.024}, {"regression-fp16", 0.04}, {"demo-sst2", 0.034}};

class PrunedTwin : public testing::TestWithParam<const char*> {
 protected:
  ~PrunedTwin() override { std::filesystem::remove_all(directory_); }

  /// Logits of baseline of the twin for the texts of the golden file, in mixed batches.
  const std::vector<float>& LogitsOfTwin(const LoadedModel& model, const std::vector<GoldenCase>& cases) {
    static auto& computed = *new std::map<std::string, std::vector<float>>;  // once for both tests of a checkpoint
    const auto [place, is_new] = computed.try_emplace(GetParam());
    if (!is_new) return place->second;
    const auto mask = pruned::MaskByMagnitude(*model.checkpoint, kKeepMacs).value();
    absl::Status status = pruned::SavePruned(*model.checkpoint, mask, directory_ + "/pruned");
    EXPECT_TRUE(status.ok()) << status;
    const auto pruned = checkpoint::Checkpoint::Open(directory_ + "/pruned").value();
    status = pruned::SaveDense(*pruned, directory_ + "/twin");
    EXPECT_TRUE(status.ok()) << status;
    const LoadedModel twin(directory_ + "/twin", profiles_test::Packed("baseline"));
    return place->second = RunInMixedBatches(twin, cases);
  }

  /// How far `load` of the dense checkpoint is from `baseline` of its twin.
  Distance DistanceToTwin(const std::string& dense, const Loader& load) {
    const LoadedModel model(dense, load);
    const std::vector<GoldenCase> cases = ReadGolden(dense + "/golden_logits.jsonl", model);
    const std::vector<float>& expected = LogitsOfTwin(model, cases);
    const Distance distance = DistanceOf(RunInMixedBatches(model, cases), {expected.begin(), expected.end()});
    std::printf("%s: largest difference to the twin %.2e, noise to signal %.5f over %zu texts\n", GetParam(),
                distance.largest, distance.noise_to_signal, cases.size());
    return distance;
  }

 private:
  const std::string directory_ = absl::StrCat(testing::TempDir(), "/pruned_twin_", getpid());
};

TEST_P(PrunedTwin, HasTheLogitsOfPruned) {
  ROBERTA_SHARED_OR_SKIP(directory, std::string("models/") + GetParam());
  const Distance distance = DistanceToTwin(directory, profiles_test::Packed("pruned", {.keep_macs = kKeepMacs}));
  EXPECT_LT(distance.largest, 1e-4);
}

TEST_P(PrunedTwin, HasNearlyTheLogitsOfIntegrated) {
  ROBERTA_SHARED_OR_SKIP(directory, std::string("models/") + GetParam());
  const Distance distance = DistanceToTwin(directory, profiles_test::Packed("integrated", {.keep_macs = kKeepMacs}));
  EXPECT_LT(distance.noise_to_signal, kInt8Noise.at(GetParam()));
}

INSTANTIATE_TEST_SUITE_P(All, PrunedTwin,
                         testing::Values("tiny-3label", "odd-multilabel-bf16", "regression-fp16", "demo-sst2"),
                         [](const auto& one) { return InATestName(one.param); });

}  // namespace
}  // namespace roberta::profiles_test
