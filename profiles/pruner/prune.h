#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "profiles/checkpoint/checkpoint.h"
#include "profiles/checkpoint/pruning.h"
#include "profiles/pruned/pruned.h"
#include "profiles/quality/agreement.h"
#include "profiles/quality/sample.h"

namespace roberta::pruner {

/// How the heads and neurons to remove are chosen.
enum class Method {
  kSecondOrder,  ///< OrderByCurvature, over all layers at once
  kFisher,       ///< MeasureFisher, over all layers at once
  kMagnitude,    ///< pruned::MaskByMagnitude: by the size of the weights, the same share of every layer
  kRandom,       ///< at random, the same share of every layer
};

/// How much is removed.
struct Budget {
  enum class Kind {
    kKeepMacs,       ///< `value` is the share of the encoder's multiply-accumulates to keep, in (0, 1]
    kTargetSpeedup,  ///< `value` is how many times as fast the packed encoder is to be on this host, 1 or more
    kMaxDrop,        ///< `value` is the most points of accuracy to lose on the held-out texts, 0 to 100
  };
  Kind kind = Kind::kKeepMacs;
  double value = 2.0 / 3;
};

struct PruneOptions {
  Method method = Method::kSecondOrder;
  Budget budget;
  bool refit = true;            ///< fits the weights that stay by least squares; see Refit
  size_t most_texts = 2048;     ///< to learn from; at least kFewestTexts
  size_t most_held_out = 2048;  ///< at least 1
  uint64_t seed = 0;
};

/// One step of a search for a budget.
struct Try {
  double kept_macs = 0;
  double found = 0;  ///< the speed-up, or the points of accuracy lost
};

struct Pruned {
  checkpoint::PruningMask mask;
  std::vector<pruned::NewTensor> tensors;  ///< the tensors that the refit changed
  double kept_macs = 1;                    ///< see checkpoint::KeptMacs
  double speedup = 1;                      ///< measured by SpeedGauge
  size_t texts = 0;                        ///< the number of texts that it learned from
  quality::Quality quality;                ///< on the held-out texts, compared with the dense model in fp32
  bool refitted = false;                   ///< also false if the refit did not help
  std::vector<Try> tries;
};

/// Reports the current step and its progress: `done` of `total`, or 0 of 0 where that is not known.
using OnStep = std::function<void(std::string_view step, size_t done, size_t total)>;

/// Chooses the heads and neurons that a dense checkpoint can do without, and fits the output products of what stays.
/// Nothing is trained: the texts of `sample` (`tokenized` has the same texts as tokens) run through the model a few
/// times. Only kMaxDrop needs labels; otherwise they serve to measure the accuracy. The result does not depend on the
/// number of threads, and only with kTargetSpeedup on the host. Memory: the checkpoint in fp32, a matrix
/// [neurons, neurons] for every layer, and less than 1 GB of activations for a model of roberta-base's size.
///
/// InvalidArgument: an option is out of its range, the checkpoint is already pruned, there are too few texts, or no
/// labels where they are needed. FailedPrecondition: the budget cannot be met; the message says how close the search
/// came. Internal: LibTorch's message.
absl::StatusOr<Pruned> Prune(const checkpoint::Checkpoint& checkpoint, const quality::Sample& sample,
                             const quality::TokenizedSample& tokenized, const PruneOptions& options,
                             const quality::RunAll& run_all, const OnStep& on_step);

}  // namespace roberta::pruner
