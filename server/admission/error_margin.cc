#include "server/admission/error_margin.h"

#include <algorithm>

namespace roberta::admission {

namespace {

constexpr double kWidth = 0.01;  // of a bin of relative error; what lies beyond counts in the first or the last one

constexpr double kFirstGuess = 0.1;
constexpr double kFirstGuessWeight = 20;  // calls
/// What no prediction tells: the time that threads take to wake up.
constexpr double kGranularityNs = 1e6;

size_t BinOf(double relative_error, size_t bins) {
  const double bin = std::clamp(relative_error / kWidth, 0.0, static_cast<double>(bins - 1));
  return static_cast<size_t>(bin);
}

}  // namespace

ErrorMargin::ErrorMargin() {
  weights_[BinOf(kFirstGuess, kBins)] = weight_ = kFirstGuessWeight;
  Fit();
}

void ErrorMargin::Learn(Clock::time_point now, double predicted_ns, double actual_ns) {
  if (now - halved_ >= kHalfLife) {
    for (double& weight : weights_) weight /= 2;
    weight_ /= 2;
    halved_ = now;
  }
  weights_[BinOf((actual_ns - predicted_ns) / (predicted_ns + kGranularityNs), kBins)] += 1;
  weight_ += 1;
  Fit();
}

void ErrorMargin::Fit() {
  double beyond = weights_[kBins - 1];
  size_t bin = kBins - 1;
  while (bin > 0 && beyond <= kShortfall * weight_) beyond += weights_[--bin];
  stretch_ = static_cast<double>(bin + 1) * kWidth;
}

double ErrorMargin::MarginNs(double predicted_ns) const {
  return stretch_ * (predicted_ns + kGranularityNs);
}

}  // namespace roberta::admission
