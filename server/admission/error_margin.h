#pragma once

#include <array>
#include <chrono>
#include <cstddef>

namespace roberta::admission {

/// By how much predictions of one kind have to be stretched so that hardly any call ends later: a high quantile of
/// the errors of late, relative to the prediction. Not thread-safe.
class ErrorMargin {
 public:
  using Clock = std::chrono::steady_clock;

  /// Of how many calls the stretched prediction falls short, if errors stay as they are.
  static constexpr double kShortfall = 0.005;
  /// After each such time, what was learned before counts half.
  static constexpr std::chrono::seconds kHalfLife{10};

  ErrorMargin();

  /// At `now` a call ended `actual_ns` after it was predicted to take `predicted_ns`, or was given up then.
  void Learn(Clock::time_point now, double predicted_ns, double actual_ns);

  /// What is to be added to a prediction. It does not become negative where predictions are too long: when that
  /// changes, as after a start, all calls that were admitted meanwhile would be late.
  double MarginNs(double predicted_ns) const;

 private:
  static constexpr size_t kBins = 100;
  void Fit();

  std::array<double, kBins> weights_ = {};  // of the calls, by relative error
  double weight_ = 0;                       // of all of them
  Clock::time_point halved_;
  double stretch_ = 0;
};

}  // namespace roberta::admission
