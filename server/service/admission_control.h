#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "roberta/internal/requests.pb.h"
#include "server/admission/wait_predictor.h"
#include "server/batching/batch_queue.h"
#include "server/batching/job.h"
#include "server/metrics/admission_metrics.h"

namespace roberta::service {

/// What was foretold of a call when it was let in.
struct Forecast {
  admission::Newcomer work;  ///< its tokens are an estimate until they are known
  admission::Prediction prediction;
  batching::Clock::time_point made;
  admission::Reservation reservation;  ///< until the call is in the queue
};

struct AdmissionOptions {
  bool predictive = true;             ///< whether calls are refused that are foretold to miss their deadline
  size_t max_tokens = 512;            ///< of an item
  size_t capacity_items = 0;          ///< of the queue
  size_t capacity_tokens = 0;         ///< likewise
  std::vector<std::string> profiles;  ///< names, in the predictor's order
};

/// Says, before anything is spent on a call, whether the queue has room for it and whether it can be answered in time;
/// and learns from how that went. Refusals say when it is worth trying again. Nothing blocks; any thread may call.
class AdmissionControl {
 public:
  using Clock = batching::Clock;

  /// Both must outlive this.
  AdmissionControl(AdmissionOptions options, admission::WaitPredictor* predictor, metrics::AdmissionMetrics* metrics)
      : options_(std::move(options)), predictor_(predictor), metrics_(metrics) {}

  bool predictive() const { return options_.predictive; }

  /// How much work the items of a request are, by their bytes.
  admission::Newcomer Estimate(const internal::RawClassifyRequest& request, size_t profile,
                               batching::Priority priority) const;
  /// When a call that arrives at `now` would have run.
  admission::Prediction Predict(const admission::Newcomer& work, Clock::time_point now) const;
  /// Of the time until `deadline`, what there is to run in: a little goes to the answer's way back.
  static std::chrono::nanoseconds TimeLeft(Clock::time_point deadline, Clock::time_point now);

  /// A call arrived, whatever becomes of it.
  void Offer(const admission::Newcomer& work, Clock::time_point now) const { predictor_->Offer(work, now); }
  /// Lets a call in that has `deadline`: fills `*forecast`, which is to live as long as the call does. Situations:
  /// kQueueFull, kPredictedTooLate.
  absl::Status Admit(const admission::Newcomer& work, Clock::time_point deadline, Clock::time_point now,
                     Forecast* forecast) const;
  /// Looks again when the tokens of a call are known and it is about to be queued. A call that was let in is only
  /// refused now if it will be late even without the margin. Situation: kPredictedTooLate.
  absl::Status CheckAgain(size_t tokens, Clock::time_point deadline, Clock::time_point now, Forecast* forecast) const;
  /// Learns from a job that ended at `now`.
  void Ended(const batching::Job& job, const Forecast& forecast, Clock::time_point now) const;
  /// Learns from texts that were tokenised, see TokenRate.
  void LearnTokens(size_t items, size_t bytes, size_t tokens) const { predictor_->LearnTokens(items, bytes, tokens); }

  /// kPredictedTooLate for a call of which `prediction` was made.
  static absl::Status TooLate(const admission::Prediction& prediction, std::chrono::nanoseconds time_left);
  /// A `refusal` because the queue has no room for so many items and tokens, with the advice to come again when enough
  /// of what waits has run.
  absl::Status WithAdvice(absl::Status refusal, size_t items, size_t tokens, Clock::time_point now) const;

 private:
  absl::Status CheckRoom(const admission::Newcomer& work, Clock::time_point now) const;

  const AdmissionOptions options_;
  admission::WaitPredictor* const predictor_;
  metrics::AdmissionMetrics* const metrics_;
};

}  // namespace roberta::service
