#pragma once

#include <cstddef>
#include <cstdint>

namespace roberta::batching {

/// What a batch of one profile takes on an executor, as overhead + tokens * time per token: a line through the batches
/// that ran lately (least squares, each batch counts a little less with every one after it). Not thread-safe.
class CostModel {
 public:
  /// Starts again from a rate that was measured elsewhere; batches that run from then on replace it.
  void Seed(double ns_per_token);

  /// A batch of so many tokens took so long.
  void Learn(size_t tokens, int64_t duration_ns);

  /// Whether anything was seeded or learned; until then every cost is 0.
  bool known() const { return weight_ > 0; }
  double overhead_ns() const { return overhead_ns_; }
  double ns_per_token() const { return ns_per_token_; }

  /// The time of one batch; 0 for no tokens.
  double BatchNs(double tokens) const { return tokens > 0 ? overhead_ns_ + tokens * ns_per_token_ : 0; }
  /// The total executor time of tokens that run in batches of `batch_tokens` each.
  double WorkNs(double tokens, double batch_tokens) const {
    return tokens * (ns_per_token_ + overhead_ns_ / batch_tokens);
  }

 private:
  void Add(double weight, double tokens, double ns);
  void Fit();

  // Sums over the batches, each with its weight.
  double weight_ = 0;
  double tokens_ = 0;
  double ns_ = 0;
  double tokens_squared_ = 0;
  double tokens_times_ns_ = 0;
  double overhead_ns_ = 0;
  double ns_per_token_ = 0;
};

/// What a batch needs to be efficient, until that is measured: on every host that was tried so many are enough.
inline constexpr size_t kUsualEfficientTokens = 512;

/// The time of a batch of one profile, alone on its executor and with idle executors helping all the time, and how
/// large it should be. Not thread-safe.
class BatchCost {
 public:
  /// Starts again from what was measured without help: a rate, and the least tokens of a batch that are efficient. The
  /// same again changes nothing.
  void Seed(double ns_per_token, size_t efficient_tokens = kUsualEfficientTokens);

  /// A batch of so many tokens took so long, and other executors spent `helped_ns` on it in total.
  void Learn(size_t tokens, int64_t duration_ns, int64_t helped_ns);

  size_t efficient_tokens() const { return efficient_tokens_; }
  /// The cost of batches without help.
  const CostModel& alone() const { return alone_; }
  /// The time of one batch with help; until one was seen, the time without help.
  double HelpedNs(double tokens) const;

 private:
  CostModel alone_, helped_;
  double seeded_ns_per_token_ = 0;
  size_t efficient_tokens_ = kUsualEfficientTokens;
};

}  // namespace roberta::batching
