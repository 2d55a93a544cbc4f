#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/types/span.h"
#include "profiles/checkpoint/checkpoint.h"
#include "profiles/checkpoint/tensor.h"
#include "profiles/pruner/curvature.h"
#include "profiles/quality/sample.h"
#include "profiles/reference/model.h"
#include "tests/profiles/checkpoint/checkpoint_fixture.h"

namespace roberta::tiny_model {

inline constexpr size_t kLayers = 2, kHeads = 4, kHeadSize = 8, kHidden = 32, kNeurons = 48;
inline constexpr size_t kMostTokens = 30;

/// config.json of a TinyModel. The problem type follows from the number of labels, as in Hugging Face's configs.
nlohmann::json Config(size_t labels);

/// Changes the values of a tensor before they are written.
using Change = std::function<void(const std::string& name, std::vector<float>* values)>;

/// A checkpoint with random weights, large enough that no layer is linear, in a directory of its own.
struct TinyModel {
  explicit TinyModel(const nlohmann::json& config = Config(2), checkpoint::Dtype dtype = checkpoint::Dtype::kF32,
                     const Change& change = {});
  explicit TinyModel(size_t labels) : TinyModel(Config(labels)) {}

  const checkpoint::ModelConfig& config() const { return checkpoint->config(); }

  checkpoint_fixture::ScratchDirectory scratch;
  std::unique_ptr<const checkpoint::Checkpoint> checkpoint;
  reference::Weights weights;
};

/// Texts of 3 to kMostTokens random tokens each.
quality::TokenizedSample RandomTexts(size_t count, uint64_t seed);

/// The texts `first` to `first + count - 1` in batches of `at_once`.
std::vector<pruner::TextBatch> Batches(const quality::TokenizedSample& sample, size_t first, size_t count,
                                       size_t at_once);

/// A mask that keeps everything.
checkpoint::PruningMask AllKept();

/// Runs tasks on `threads` threads.
quality::RunAll OnThreads(size_t threads);

inline void IgnoreProgress(size_t /*done*/, size_t /*total*/) {}

}  // namespace roberta::tiny_model
