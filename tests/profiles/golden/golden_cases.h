#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "profiles/libtorch/libtorch.h"
#include "tests/profiles/loaded_model.h"

namespace roberta::profiles_test {

/// A text of a golden file as the model reads it, and what Hugging Face's transformers computes for it in float32.
struct GoldenCase {
  std::string text;
  std::vector<int32_t> ids;
  bool truncated = false;
  size_t golden_tokens = 0;
  bool golden_truncated = false;
  std::vector<double> golden_logits;  ///< [labels]
  std::string label, predicted;       ///< empty where the file has none
};

/// Every line of a golden_logits.jsonl, in the file's order.
std::vector<GoldenCase> ReadGolden(const std::string& path, const LoadedModel& model);

/// The golden logits of all cases, one after another.
std::vector<double> GoldenLogitsOf(const std::vector<GoldenCase>& cases);

/// Logits [cases, labels] of every case in a batch of its own.
std::vector<float> RunAlone(const LoadedModel& model, const std::vector<GoldenCase>& cases);

/// Logits [cases, labels] of the cases in the file's order, which mixes lengths, in batches of 16.
std::vector<float> RunInMixedBatches(const LoadedModel& model, const std::vector<GoldenCase>& cases);

/// What a profile of the checkpoint in `directory` answers to a golden file's texts: [cases, labels] as the two above.
struct Answers {
  std::vector<GoldenCase> cases;
  std::vector<float> alone, in_batches;
};

/// Computed once for all tests that name the same profile and directory, as that takes most of their time.
const Answers& AnswersOf(const std::string& profile, const Loader& load, const std::string& directory,
                         const std::string& golden_file);

/// How far logits are from those they ought to be. Not a number where a logit is none.
struct Distance {
  double largest = 0;          ///< difference of two logits
  double noise_to_signal = 0;  ///< root mean square of the differences, over that of the expected logits
};

Distance DistanceOf(const std::vector<float>& logits, const std::vector<double>& expected);

/// A checkpoint's name as GoogleTest has it in the name of a test: without dashes.
std::string InATestName(std::string checkpoint);

/// Skips the test, visibly, if `name` is reference and LibTorch was not there when this was built.
#define ROBERTA_SKIP_WITHOUT_MODULE(name)                                               \
  if (std::string_view(name) == "reference" && !roberta::libtorch::FindModule().ok()) { \
    GTEST_SKIP() << "not measured: " << roberta::libtorch::FindModule().message();      \
  }

}  // namespace roberta::profiles_test
