#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "profiles/checkpoint/checkpoint.h"
#include "profiles/checkpoint/pruning.h"
#include "profiles/pruned/convert.h"
#include "profiles/quality/agreement.h"
#include "profiles/quality/sample.h"
#include "profiles/quality/sample_run.h"

namespace roberta::pruner {

/// How the heads and neurons to remove are chosen.
enum class Method {
  kSecondOrder,  ///< OrderByCurvature, over all layers at once
  kFisher,       ///< MeasureFisher, over all layers at once
  kMagnitude,    ///< pruned::MaskByMagnitude: by the size of the weights, as much of every layer
  kRandom,       ///< by chance, as much of every layer
};

/// How much is removed.
struct Budget {
  enum class Kind {
    kKeepMacs,       ///< the share of the encoder's multiply-accumulates that stays, in (0, 1]
    kTargetSpeedup,  ///< so much that the packed encoder runs at least so many times as fast on this host, 1 or more
    kMaxDrop,        ///< as much as costs at most so many points of accuracy on the held-out texts, 0 to 100
  };
  Kind kind = Kind::kKeepMacs;
  double value = 2.0 / 3;
};

struct PruneOptions {
  Method method = Method::kSecondOrder;
  Budget budget;
  bool refit = true;            ///< least squares on what stays; see Refit
  size_t most_texts = 2048;     ///< kFewestTexts at least
  size_t most_held_out = 2048;  ///< 1 at least
  uint64_t seed = 0;
};

/// One try at a budget that is searched for.
struct Try {
  double kept_macs = 0;
  double found = 0;  ///< speed-up, or points of accuracy lost
};

struct Pruned {
  checkpoint::PruningMask mask;
  std::vector<pruned::NewTensor> tensors;  ///< those that the refit changed
  double kept_macs = 1;                    ///< see checkpoint::KeptMacs
  double speedup = 1;                      ///< measured, as SpeedGauge does
  size_t texts = 0;                        ///< that were learned from
  quality::Quality quality;                ///< on the held-out texts, beside the dense model in fp32
  bool refitted = false;                   ///< false as well where the refit did not help
  std::vector<Try> tries;
};

/// Called with the current step of a long work, and its progress: `done` of `total`, or 0 of 0 where that is not known.
using OnStep = std::function<void(std::string_view step, size_t done, size_t total)>;

/// Chooses what to remove from a dense checkpoint, and fits new output products for what stays. Nothing is trained: the
/// texts of `sample` (and of `tokenized`, the same) are run through it a few times. Labels are needed only for
/// kMaxDrop; otherwise they are used to measure the accuracy. The result depends on the checkpoint, the texts and the
/// options, not on the number of threads; with kTargetSpeedup also on the host. Memory: the checkpoint in fp32, the
/// squares of a layer's neurons for every layer, and less than 1 GB of activations for a model of roberta-base's size.
///
/// InvalidArgument: a budget or a number of texts out of its range, a pruned checkpoint, too few texts, no labels where
/// they are needed. FailedPrecondition: the budget cannot be met, with the best that was reached. Internal: LibTorch's
/// message.
absl::StatusOr<Pruned> Prune(const checkpoint::Checkpoint& checkpoint, const quality::Sample& sample,
                             const quality::TokenizedSample& tokenized, const PruneOptions& options,
                             const quality::RunAll& run_all, const OnStep& on_step);

}  // namespace roberta::pruner
