#include "server/service/admission_control.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "profiles/errors/errors.h"
#include "server/call/failure_reason.h"
#include "server/service/profile_backend.h"
#include "server/service/request_validation.h"

namespace roberta::service {

using call::FailureReason;
using call::MakeStatus;
using call::WithRetryDelay;

absl::Status ConcurrencyLimit::Admit(admission::Permit* permit) {
  admission::Permits::Decision decision = permits_->TryAdmit();
  if (decision.refusal == admission::Refusal::kClosed) return Draining();
  if (decision.refusal == admission::Refusal::kFull) return TooManyCalls();
  *permit = std::move(decision.permit);
  return CheckReady();
}

uint64_t ConcurrencyLimit::AdmitWhenFree(std::function<void(absl::Status, admission::Permit)> admitted) {
  return permits_->AdmitWhenFree([admitted = std::move(admitted)](admission::Permits::Decision decision) {
    if (decision.permit) return admitted(absl::OkStatus(), std::move(decision.permit));
    admitted(Draining(), nullptr);
  });
}

absl::Status ConcurrencyLimit::CheckReady() const {
  if (!ready_.load(std::memory_order_acquire)) return MakeStatus(FailureReason::kLoading, "the model is being loaded");
  return absl::OkStatus();
}

absl::Status ConcurrencyLimit::TooManyCalls() const {
  // One permit is free sooner, but many calls are refused at a time and all of them would come back for it.
  constexpr int kPartToWaitFor = 16;
  return WithRetryDelay(MakeStatus(FailureReason::kTooManyCalls,
                                   absl::StrCat(permits_->capacity(), " calls are in flight already; try again later")),
                        predictor_->backlog(admission::WaitPredictor::Clock::now()).drain / kPartToWaitFor);
}

using admission::Prediction;
using std::chrono::nanoseconds;

namespace {

/// The most that is kept of a deadline for sending the response; of short deadlines less.
constexpr nanoseconds kResponseTime = std::chrono::milliseconds(5);
constexpr int kShareForResponse = 20;

/// The part of the drain time of a backlog after which `excess` of its `all` items or tokens have run.
nanoseconds DrainOf(nanoseconds drain, size_t excess, size_t all) {
  if (all == 0) return nanoseconds(0);
  const double share = std::min(1.0, static_cast<double>(excess) / static_cast<double>(all));
  return nanoseconds(static_cast<int64_t>(share * static_cast<double>(drain.count())));
}

size_t Excess(size_t wanted, size_t capacity) {
  return wanted > capacity ? wanted - capacity : 0;
}

double Seconds(nanoseconds time) {
  return std::chrono::duration<double>(time).count();
}

}  // namespace

admission::PendingCall AdmissionControl::Estimate(const internal::RawClassifyRequest& request, size_t profile,
                                                  call::Priority priority) const {
  const admission::TokenRate rate = predictor_->token_rate();
  admission::PendingCall work = {
      .profile = profile, .priority = priority, .items = static_cast<size_t>(request.items_size())};
  for (const internal::RawItem& item : request.items())
    work.tokens += rate.Estimate(BytesOf(item), options_.max_tokens);
  return work;
}

Prediction AdmissionControl::Predict(const admission::PendingCall& work, Clock::time_point now) const {
  return predictor_->Predict(work, admission::WaitPredictor::Behind::kAllAdmitted, now);
}

nanoseconds AdmissionControl::TimeLeft(Clock::time_point deadline, Clock::time_point now) {
  if (deadline == Clock::time_point::max()) return nanoseconds::max();
  const nanoseconds left = deadline - now;
  return left - std::clamp(left / kShareForResponse, nanoseconds(0), kResponseTime);
}

absl::Status AdmissionControl::Admit(const admission::PendingCall& work, Clock::time_point deadline,
                                     Clock::time_point now, Forecast* forecast) const {
  RETURN_IF_ERROR(CheckRoom(work, now));
  forecast->work = work;
  forecast->made = now;
  forecast->prediction = Predict(work, now);
  const nanoseconds time_left = TimeLeft(deadline, now);
  if (options_.predictive && forecast->prediction.known && forecast->prediction.latest() > time_left) {
    return TooLate(forecast->prediction, time_left);
  }
  forecast->reservation = predictor_->Reserve(work, now);
  return absl::OkStatus();
}

absl::Status AdmissionControl::CheckAgain(size_t tokens, Clock::time_point deadline, Clock::time_point now,
                                          Forecast* forecast) const {
  forecast->work.tokens = tokens;
  if (!options_.predictive) return absl::OkStatus();
  const Prediction prediction = predictor_->Predict(forecast->work, admission::WaitPredictor::Behind::kQueuedOnly, now);
  const nanoseconds time_left = TimeLeft(deadline, now);
  if (!prediction.known || prediction.finish <= time_left) return absl::OkStatus();
  return TooLate(prediction, time_left);
}

void AdmissionControl::Ended(const batching::Job& job, const Forecast& forecast, Clock::time_point now) const {
  const auto is = [](batching::Outcome outcome) {
    return [outcome](const batching::ItemResult& result) { return result.outcome == outcome; };
  };
  if (std::ranges::any_of(job.results, is(batching::Outcome::kExpired))) {
    return predictor_->LearnExpiry(forecast.work, forecast.prediction, now - forecast.made, now);
  }
  if (!std::ranges::all_of(job.results, is(batching::Outcome::kRan))) return;
  if (job.batches.empty() || !forecast.prediction.known) return;
  const nanoseconds took = job.batches.back().ended - forecast.made;
  predictor_->LearnError(forecast.work, forecast.prediction, took, now);
  metrics_->Predicted(options_.profiles[forecast.work.profile], Seconds(took - forecast.prediction.finish),
                      Seconds(predictor_->bias(forecast.work.profile)));
}

absl::Status AdmissionControl::TooLate(const Prediction& prediction, nanoseconds time_left) {
  // After the difference, the backlog will be short enough for a call with the same deadline.
  return WithRetryDelay(
      MakeStatus(FailureReason::kPredictedTooLate,
                 absl::StrFormat("the call is predicted to take %.0f ms and has %.0f ms left; try again later",
                                 1e3 * Seconds(prediction.latest()), 1e3 * std::max(0.0, Seconds(time_left)))),
      prediction.latest() - time_left);
}

absl::Status AdmissionControl::CheckRoom(const admission::PendingCall& work, Clock::time_point now) const {
  const admission::WaitPredictor::Backlog backlog = predictor_->backlog(now);
  const bool full =
      backlog.items + work.items > options_.capacity_items || backlog.tokens + work.tokens > options_.capacity_tokens;
  if (!full || backlog.items == 0) return absl::OkStatus();  // an empty queue takes anything
  return WithAdvice(QueueFull(work.items), work.items, work.tokens, now);
}

absl::Status AdmissionControl::WithAdvice(absl::Status refusal, size_t items, size_t tokens,
                                          Clock::time_point now) const {
  const admission::WaitPredictor::Backlog backlog = predictor_->backlog(now);
  return WithRetryDelay(
      std::move(refusal),
      std::max(DrainOf(backlog.drain, Excess(backlog.items + items, options_.capacity_items), backlog.items),
               DrainOf(backlog.drain, Excess(backlog.tokens + tokens, options_.capacity_tokens), backlog.tokens)));
}

}  // namespace roberta::service
