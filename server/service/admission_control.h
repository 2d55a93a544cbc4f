#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "roberta/internal/requests.pb.h"
#include "server/admission/caller_rates.h"
#include "server/admission/early_cancels.h"
#include "server/admission/permits.h"
#include "server/admission/wait_predictor.h"
#include "server/batching/batch.h"
#include "server/batching/batch_queue.h"
#include "server/call/failure_reason.h"
#include "server/call/identity.h"
#include "server/metrics/load_metrics.h"

namespace roberta::service {

/// Bounds the calls in flight, and refuses all calls while the server loads or shuts down. Any thread may call.
class ConcurrencyLimit {
 public:
  /// Both must outlive this.
  /// `caller_share` is the part of the permits that one caller may hold, if it has none of its own.
  ConcurrencyLimit(admission::Permits* permits, const admission::WaitPredictor* predictor, double caller_share = 1)
      : permits_(permits), predictor_(predictor), caller_share_(caller_share) {}

  /// Until this is called, every call is refused as UNAVAILABLE.
  void SetReady() { ready_.store(true, std::memory_order_release); }

  /// Puts a permit into `*permit`, to be held until the response is on its way. Failure reasons: kLoading, kDraining,
  /// and kTooManyCalls and kCallerShare with a retry delay.
  absl::Status Admit(const call::Head& head, admission::Permit* permit);
  /// For a stream, which waits where other calls are refused: calls `admitted` once, with a permit or with the reason
  /// why there will be none; see admission::Permits::AdmitWhenFree.
  uint64_t AdmitWhenFree(std::function<void(absl::Status, admission::Permit)> admitted);
  void CancelWait(uint64_t wait) { permits_->CancelWait(wait); }

  /// Failure reason: kLoading until SetReady is called.
  absl::Status CheckReady() const;

 private:
  absl::Status Crowded(call::FailureReason reason, const std::string& message) const;

  admission::Permits* const permits_;
  const admission::WaitPredictor* const predictor_;
  const double caller_share_;
  std::atomic<bool> ready_{false};
};

/// What was predicted for a call when it was admitted.
struct Forecast {
  admission::PendingCall work;  ///< its tokens are an estimate until the call is tokenized
  admission::Prediction prediction;
  batching::Clock::time_point made;
  admission::Reservation reservation;  ///< held until the call is in the queue
};

struct AdmissionOptions {
  bool predictive = true;              ///< refuse calls that are predicted to miss their deadline
  size_t max_tokens = 512;             ///< of an item
  size_t capacity_items = 0;           ///< of the queue
  size_t capacity_tokens = 0;          ///< of the queue
  size_t streams = 1024;               ///< that a connection may have
  double caller_share = 1;             ///< of both, for a caller that has no share of its own
  double caller_items_per_second = 0;  ///< of a caller that has no rate of its own; 0: any number
  std::vector<std::string> profiles;   ///< names, in the predictor's order
};

/// Decides, before any work is done for a call, whether the queue has room for it and whether it can be answered in
/// time, and learns from what happened. Refusals have a retry delay. Nothing blocks; any thread may call.
class AdmissionControl {
 public:
  using Clock = batching::Clock;

  /// Both must outlive this.
  AdmissionControl(AdmissionOptions options, admission::WaitPredictor* predictor, metrics::AdmissionMetrics* metrics)
      : options_(std::move(options)), predictor_(predictor), metrics_(metrics), early_cancels_(options_.streams) {}

  bool predictive() const { return options_.predictive; }

  /// Estimates the work of the items of a request, by their bytes.
  admission::PendingCall Estimate(const internal::RawClassifyRequest& request, size_t profile,
                                  call::Priority priority) const;
  /// Predicts when a call that arrives at `now` will have run.
  admission::Prediction Predict(const admission::PendingCall& work, Clock::time_point now) const;
  /// The part of the time until `deadline` in which a call of `head` must run: a little is kept for sending the
  /// response, and its client may give calls up before their deadlines; see admission::EarlyCancels.
  std::chrono::nanoseconds TimeLeft(const call::Head& head, Clock::time_point deadline, Clock::time_point now) const;

  /// Counts a call as offered load, whether it will be admitted or not.
  void Offer(const admission::PendingCall& work, Clock::time_point now) const { predictor_->Offer(work, now); }
  /// How long the caller of `head` has to wait for more items; 0: it need not.
  std::chrono::nanoseconds RateWait(const call::Head& head, Clock::time_point now) const;
  /// For a call of `head` that would have more items. Failure reason: kCallerRate.
  absl::Status CheckRate(const call::Head& head, Clock::time_point now) const;
  /// The call is admitted with `items` items.
  void CountItems(const call::Head& head, size_t items, Clock::time_point now) const;
  /// Admits a call with that `deadline` and fills `*forecast`, which must live as long as the call. Failure reasons:
  /// kQueueFull, kCallerShare, kPredictedTooLate.
  absl::Status Admit(const admission::PendingCall& work, const call::Head& head, Clock::time_point deadline,
                     Clock::time_point now, Forecast* forecast) const;
  /// Checks again when the tokens of a call are known and it is about to be queued. An admitted call is refused now
  /// only if it will be late even without the margin. Failure reason: kPredictedTooLate.
  absl::Status CheckAgain(size_t tokens, const call::Head& head, Clock::time_point deadline, Clock::time_point now,
                          Forecast* forecast) const;
  /// Learns from a job that ended at `now`.
  void Ended(const batching::Job& job, const Forecast& forecast, Clock::time_point now) const;
  /// A call of `head` has come, and lasts until what is returned is destroyed.
  admission::EarlyCancels::Open Started(const call::Head& head) const {
    return early_cancels_.Started(head.connection);
  }
  /// Learns from a call of `head` that ended at `now`.
  void Ended(const call::Head& head, Clock::time_point now) const { early_cancels_.Ended(head.connection, now); }
  /// Learns from a call of `head` that its client gave up at `now`.
  void Cancelled(const call::Head& head, Clock::time_point deadline, Clock::time_point now) const;
  /// Learns from texts that were tokenized; see TokenRate.
  void LearnTokens(size_t items, size_t bytes, size_t tokens) const { predictor_->LearnTokens(items, bytes, tokens); }

  /// The status kPredictedTooLate for a call of `head` with that prediction.
  absl::Status TooLate(const call::Head& head, const admission::Prediction& prediction,
                       std::chrono::nanoseconds time_left, Clock::time_point now) const;
  /// Adds a retry delay to a `refusal` of that many items and tokens by a full queue: the time until enough of what
  /// waits has run.
  absl::Status WithAdvice(absl::Status refusal, size_t items, size_t tokens, Clock::time_point now) const;

 private:
  absl::Status CheckRoom(const admission::PendingCall& work, Clock::time_point now) const;
  absl::Status CheckShare(const admission::PendingCall& work, const call::Head& head, Clock::time_point now) const;
  double RateOf(const call::Head& head) const;

  const AdmissionOptions options_;
  admission::WaitPredictor* const predictor_;
  metrics::AdmissionMetrics* const metrics_;
  mutable admission::CallerRates rates_;
  mutable admission::EarlyCancels early_cancels_;
};

/// The number of the caller; 0 if nobody looked who calls.
inline size_t CallerOf(const call::Head& head) {
  return head.caller == nullptr ? 0 : head.caller->index;
}

}  // namespace roberta::service
