#include "server/batching/cost_model.h"

#include <algorithm>

namespace roberta::batching {
namespace {

constexpr double kForgetting = 1.0 / 32;
constexpr double kSeedWeight = 4;
constexpr double kSeedTokens = 512;
/// Where a batch takes longer than this many times its prediction, the machine is the cause rather than the batch.
constexpr double kLongestSurprise = 4;
/// If the sizes of batches differ by less, relative to their mean, they do not determine the slope.
constexpr double kLeastSpread = 0.1;
constexpr double kLargestOverheadShare = 0.8;
/// A batch counts as helped if it had help for at least this share of its time.
constexpr double kHelpedShare = 0.8;
/// The time that an hour of help saves, until batches show it.
constexpr double kFirstGain = 0.8;

}  // namespace

void CostModel::Seed(double ns_per_token) {
  *this = CostModel();
  Add(kSeedWeight, kSeedTokens, kSeedTokens * ns_per_token);
  Fit();
}

void CostModel::Learn(size_t tokens, int64_t duration_ns) {
  if (tokens == 0) return;
  double ns = static_cast<double>(std::max<int64_t>(duration_ns, 1));
  if (known()) ns = std::min(ns, kLongestSurprise * BatchNs(static_cast<double>(tokens)));
  for (double* sum : {&weight_, &tokens_, &ns_, &tokens_squared_, &tokens_times_ns_}) *sum *= 1 - kForgetting;
  Add(1, static_cast<double>(tokens), ns);
  Fit();
}

void BatchCost::Seed(double ns_per_token, size_t efficient_tokens) {
  if (ns_per_token != seeded_ns_per_token_) {
    *this = BatchCost();
    seeded_ns_per_token_ = ns_per_token;
    alone_.Seed(ns_per_token);
  }
  efficient_tokens_ = efficient_tokens;
}

void BatchCost::Learn(size_t tokens, int64_t duration_ns, int64_t helped_ns) {
  const auto duration = static_cast<double>(duration_ns), helped = static_cast<double>(helped_ns);
  const bool is_helped = helped >= kHelpedShare * duration && duration_ns > 0;
  if (is_helped) helped_.Learn(tokens, duration_ns);
  if (is_helped && alone_.known()) return;
  // Other batches count with the time that they would have taken without help.
  const auto count = static_cast<double>(tokens);
  const bool is_known = alone_.known() && helped_.known() && tokens > 0;
  const double gain = is_known ? std::max(0.0, alone_.BatchNs(count) / helped_.BatchNs(count) - 1) : kFirstGain;
  alone_.Learn(tokens, duration_ns + static_cast<int64_t>(gain * helped));
}

double BatchCost::HelpedNs(double tokens) const {
  return helped_.known() ? std::min(helped_.BatchNs(tokens), alone_.BatchNs(tokens)) : alone_.BatchNs(tokens);
}

void CostModel::Add(double weight, double tokens, double ns) {
  weight_ += weight;
  tokens_ += weight * tokens;
  ns_ += weight * ns;
  tokens_squared_ += weight * tokens * tokens;
  tokens_times_ns_ += weight * tokens * ns;
}

void CostModel::Fit() {
  const double mean_tokens = tokens_ / weight_;
  const double mean_ns = ns_ / weight_;
  const double variance = tokens_squared_ / weight_ - mean_tokens * mean_tokens;
  const double covariance = tokens_times_ns_ / weight_ - mean_tokens * mean_ns;
  const double least = kLeastSpread * mean_tokens;
  const double overhead = variance > least * least ? mean_ns - covariance / variance * mean_tokens : overhead_ns_;
  overhead_ns_ = std::clamp(overhead, 0.0, kLargestOverheadShare * mean_ns);
  ns_per_token_ = (mean_ns - overhead_ns_) / mean_tokens;
}

}  // namespace roberta::batching
