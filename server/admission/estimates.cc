#include "server/admission/estimates.h"

#include <algorithm>

namespace roberta::admission {

namespace {

constexpr double kWidth = 0.01;  // of a bin of relative error; what lies beyond counts in the first or the last one

constexpr double kFirstGuess = 0.1;
constexpr double kFirstGuessWeight = 20;  // calls
/// What no prediction covers: the time that threads take to wake up.
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

void LoadMeter::Offer(Clock::time_point now, double executor_ns) {
  const int64_t number = NumberOf(now);
  Slot& slot = slots_[static_cast<size_t>(number) % slots_.size()];
  if (slot.number != number) slot = {number, 0};
  slot.executor_ns += executor_ns;
}

double LoadMeter::Ratio(Clock::time_point now) const {
  const int64_t last = NumberOf(now);
  const auto into_last = now.time_since_epoch() % kSlot;
  const double share_of_oldest = 1 - std::chrono::duration<double>(into_last) / kSlot;
  double offered_ns = 0;
  for (const Slot& slot : slots_) {
    const int64_t age = last - slot.number;
    if (slot.number < 0 || age < 0 || age > static_cast<int64_t>(kSlots)) continue;
    offered_ns += slot.executor_ns * (age == static_cast<int64_t>(kSlots) ? share_of_oldest : 1);
  }
  const double window_ns = std::chrono::duration<double, std::nano>(kWindow).count();
  return offered_ns / (window_ns * static_cast<double>(executors_));
}

}  // namespace roberta::admission
