#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "profiles/checkpoint/checkpoint.h"
#include "profiles/encoder/calibration.h"
#include "profiles/quality/sample.h"
#include "profiles/tokenizer/tokenizer.h"

namespace roberta::calibrator {

/// Texts to measure on, and others, unseen by the measurement, to judge it by.
struct Texts {
  quality::TokenizedSample measured;
  std::string measured_hash;  ///< of the tokens to measure on, 16 hex digits
  quality::Sample held_out_examples;
  quality::TokenizedSample held_out;
};

/// Draws at most `count` of the sample's texts by `seed`, the same on every machine: half of them (of an odd number the
/// larger half) to measure on. InvalidArgument where there are fewer than 2. Other errors are the tokenizer's.
absl::StatusOr<Texts> DrawTexts(const quality::Sample& sample, size_t count, uint64_t seed,
                                const tokenizer::Tokenizer& tokenizer, const checkpoint::ModelConfig& config);

/// How far an int8 profile's answers are from those of float32 on the same checkpoint, on texts that are held out.
struct Noise {
  double mean_abs_dlogit = 0;  ///< over all texts and labels
  double mean_abs_dp = 0;      ///< the same of scores
  double agreement = 0;        ///< share of the texts, see quality::Quality
};

struct Trial {
  float alpha = 0;  ///< see encoder::Smoothing
  Noise noise;
};

/// The strengths that were tried, and the best one.
struct Outcome {
  std::string profile;        ///< the one whose noise is measured: "quantized", or "integrated" for a pruned checkpoint
  Noise before;               ///< without smoothing
  std::vector<Trial> trials;  ///< one for each strength, in the order given
  /// Of the strength with the smallest mean_abs_dlogit, ready to be stored; nullopt where none is below `before`.
  std::optional<encoder::Calibration> best;
};

/// Share of the noise that is gone, by mean |dlogit|: 0.25 where a quarter is; negative where there is more.
double Removed(const Noise& before, const Noise& after);

/// Called with the number of batches that have been run, of how many, on the thread that has run the last one.
using OnBatch = std::function<void(uint64_t done, uint64_t total)>;

/// Measures the ranges of a checkpoint's inputs, on the calling thread, and tries each of `strengths` on them, on
/// threads that `run_all` finds. One profile's weights are held at a time, besides the mapped ones. Errors are those of
/// loading and running the profiles.
absl::StatusOr<Outcome> Calibrate(const checkpoint::Checkpoint& checkpoint, const Texts& texts,
                                  const std::vector<float>& strengths, const quality::RunAll& run_all,
                                  const OnBatch& on_batch);

}  // namespace roberta::calibrator
