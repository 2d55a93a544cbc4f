#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "profiles/checkpoint/checkpoint.h"
#include "profiles/checkpoint/pruning.h"
#include "profiles/kernels/isa.h"
#include "profiles/team/team.h"

namespace roberta::encoder {

/// The tokens of all sequences one after another, without padding. A view: the caller owns the memory, which must live
/// until Run returns.
struct PackedBatch {
  absl::Span<const int32_t> token_ids;  ///< [tokens]
  /// [sequences + 1]; sequence i is token_ids[cu_seqlens[i] .. cu_seqlens[i + 1])
  absl::Span<const int32_t> cu_seqlens;
  /// 0: each sequence is computed as long as it is. Else as if `<pad>` filled it up to so many tokens, at the cost that
  /// they have; results are those without them. For comparison with loaders that pad; `reference` pads in its own way.
  size_t padded_length = 0;

  size_t sequences() const { return cu_seqlens.empty() ? 0 : cu_seqlens.size() - 1; }
  size_t tokens() const { return token_ids.size(); }

  /// Tokens that `count` sequences from `first` on are computed with, pads included.
  size_t computed_tokens(size_t first, size_t count) const;
  /// The tokens of sequence `index`, which must be less than sequences().
  absl::Span<const int32_t> sequence(size_t index) const;
};

/// Checks that cu_seqlens starts at 0, rises strictly and ends at tokens(), that no sequence is longer than
/// `max_tokens` or, if that is given, padded_length, that this is no more than `max_tokens`, and that every id is in
/// [0, vocab_size). InvalidArgument names the first sequence and value that is wrong.
absl::Status ValidateBatch(const PackedBatch& batch, int64_t vocab_size, int64_t max_tokens);

/// ValidateBatch, and that there is room for exactly `labels` logits of every sequence: what a Profile checks before it
/// runs.
absl::Status ValidateRun(const PackedBatch& batch, int64_t vocab_size, int64_t max_tokens, size_t labels,
                         size_t logits);

/// Position of every token of one sequence, as Hugging Face derives it from the ids alone: tokens count from
/// pad_token_id + 1; a token that is `<pad>` itself (written out in a text) sits at pad_token_id and is not counted.
/// `positions` has token_ids.size() elements, owned by the caller.
void PositionIds(absl::Span<const int32_t> token_ids, int32_t pad_token_id, absl::Span<int32_t> positions);

/// For each input of a layer's products, the largest magnitude that was seen.
struct LayerInputs {
  std::vector<float> query_key_value;   ///< [hidden]: the layer's input
  std::vector<float> attention_output;  ///< [heads * head_size]: the context
  std::vector<float> intermediate;      ///< [hidden]: the normalized output of attention
  std::vector<float> output;            ///< [neurons]: activated
};

/// One for each layer; empty: nothing was measured.
using InputRanges = std::vector<LayerInputs>;

/// Makes int8 products more exact: where an input is large and its weights are small, a part of its magnitude is moved
/// to the weights, so that both lose less as bytes (SmoothQuant, Xiao et al. 2023).
struct Smoothing {
  InputRanges inputs;  ///< empty: nothing is moved
  /// How much of an input's size is moved, 0 to 1: of a column's input and weights it is alpha times the logarithm of
  /// the one less 1 - alpha times that of the other (equation 4).
  float alpha = 0.5f;
};

/// The precisions in which the encoder's matrix products and its attention compute. The head is float32 always, as are
/// LayerNorm, softmax, GELU and the residual stream.
struct Recipe {
  /// Of the matrix products: of several, each shape takes what a measurement at load finds fastest (see
  /// kernels::LinearShape::Fastest).
  std::vector<kernels::Precision> products = {kernels::Precision::kFloat32};
  /// Keys, queries, values and weights of attention in bfloat16, summed up in float32, where that is faster here.
  bool mixed_attention = false;
  /// The heads and neurons to compute of a checkpoint that has them all; empty: every one.
  checkpoint::PruningMask mask;
  Smoothing smoothing;  ///< for int8
};

/// How a loaded profile describes itself.
struct ProfileDescription {
  std::string precision;             ///< "fp32", "int8", ...
  std::vector<std::string> kernels;  ///< the implementations chosen, in words
  int64_t weight_bytes = 0;          ///< memory its weights take
};

/// One way of running the classifier. Implementations are immutable after construction: any number of threads may call
/// Run.
class Profile {
 public:
  virtual ~Profile() = default;
  Profile() = default;
  Profile(const Profile&) = delete;
  Profile& operator=(const Profile&) = delete;

  /// Computes the logits of every sequence of `batch` into `logits`, row-major [batch.sequences(), labels]. Errors,
  /// with `logits` unspecified: InvalidArgument for a malformed batch, Internal for a failing backend.
  virtual absl::Status Run(const PackedBatch& batch, absl::Span<float> logits) const = 0;

  /// As Run, with the same logits to the bit, on as many threads as `team` has at the time. A profile that cannot share
  /// its work runs on the calling thread.
  virtual absl::Status RunShared(const PackedBatch& batch, absl::Span<float> logits, team::Team* /*team*/) const {
    return Run(batch, logits);
  }

  virtual const ProfileDescription& description() const = 0;
};

/// Where the time of a run goes.
enum class Part { kEmbedding, kProducts, kAttention, kNorms, kGelu, kHead };
inline constexpr size_t kParts = 6;
inline constexpr std::array<const char*, kParts> kPartNames = {"embedding", "products", "attention",
                                                               "norms",     "gelu",     "head"};

struct PartTimes {
  std::array<int64_t, kParts> ns = {};
  uint64_t product_macs = 0;  ///< multiply-accumulates of the encoder's products
};

/// A profile that can report where its time went, and the ranges of its products' inputs.
class TimedProfile : public Profile {
 public:
  /// As Run, and adds to `*times`, which may be nullptr.
  virtual absl::Status RunTimed(const PackedBatch& batch, absl::Span<float> logits, PartTimes* times) const = 0;

  /// As Run, and widens `*ranges` (which may be empty at first) to the inputs of the products. FailedPrecondition if
  /// they are not all float32.
  virtual absl::Status RunWatched(const PackedBatch& batch, absl::Span<float> logits, InputRanges* ranges) const = 0;
};

/// RobertaForSequenceClassification on padding-free batches: no token that is not there is computed (but see
/// PackedBatch::padded_length), and of the last layer only what the head reads, the first token of each sequence. Long
/// batches are run in pieces of whole sequences, so memory is bounded; each thread that calls Run at the same time
/// costs one workspace, made at its first call and reused. With int8 a sequence's logits are the same to the bit alone
/// and in any batch: products are exact, and every other step sees one row, or one sequence, at a time.
///
/// `checkpoint` must outlive the classifier: word embeddings are read from where it is mapped. Errors: Internal where
/// the matrix library has no fast implementation, ResourceExhausted where memory is short, InvalidArgument for a mask
/// on top of a pruned checkpoint. `run_all` finds threads for packing the weights, see PackedWeights::Load.
absl::StatusOr<std::unique_ptr<const TimedProfile>> LoadPackedClassifier(const checkpoint::Checkpoint& checkpoint,
                                                                         const Recipe& recipe,
                                                                         const team::RunAll& run_all = team::RunInTurn);

/// Memory that a thread which runs packed classifiers of such a shape needs beside the weights, whatever their number.
int64_t BytesPerThread(const checkpoint::ModelConfig& config);

/// Adds the time since the last call to a part. One thread at a time.
class PartClock {
 public:
  /// Without `times` the clock is not read.
  void Start(PartTimes* times) {
    times_ = times;
    if (times_ != nullptr) last_ = std::chrono::steady_clock::now();
  }
  void End(Part part) {
    if (times_ == nullptr) return;
    const auto now = std::chrono::steady_clock::now();
    times_->ns[static_cast<size_t>(part)] += std::chrono::duration_cast<std::chrono::nanoseconds>(now - last_).count();
    last_ = now;
  }
  void CountMacs(uint64_t macs) {
    if (times_ != nullptr) times_->product_macs += macs;
  }

 private:
  PartTimes* times_ = nullptr;
  std::chrono::steady_clock::time_point last_;
};

}  // namespace roberta::encoder
