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

namespace {

double ShareOf(const call::Head& head, double usual) {
  return head.caller == nullptr ? usual : head.caller->share.value_or(usual);
}

}  // namespace

absl::Status ConcurrencyLimit::Admit(const call::Head& head, admission::Permit* permit) {
  const auto capacity = static_cast<double>(permits_->capacity());
  const auto most = static_cast<size_t>(std::max(1.0, ShareOf(head, caller_share_) * capacity));
  admission::Permits::Decision decision = permits_->TryAdmit(CallerOf(head), most);
  switch (decision.refusal) {
    case admission::Refusal::kClosed:
      return Draining();
    case admission::Refusal::kFull:
      return Crowded(FailureReason::kTooManyCalls,
                     absl::StrCat(permits_->capacity(), " calls are in flight already; try again later"));
    case admission::Refusal::kShare:
      return Crowded(FailureReason::kCallerShare,
                     absl::StrCat("the caller has ", most, " calls in flight already; try again later"));
    case admission::Refusal::kNone:
      *permit = std::move(decision.permit);
  }
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

absl::Status ConcurrencyLimit::Crowded(FailureReason reason, const std::string& message) const {
  // One permit is free sooner, but many calls are refused at a time and all of them would come back for it.
  constexpr int kPartToWaitFor = 16;
  return WithRetryDelay(MakeStatus(reason, message),
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

nanoseconds AdmissionControl::TimeLeft(const call::Head& head, Clock::time_point deadline,
                                       Clock::time_point now) const {
  if (deadline == Clock::time_point::max()) return nanoseconds::max();
  const nanoseconds left = deadline - early_cancels_.Lead(head.connection, now) - now;
  return left - std::clamp(left / kShareForResponse, nanoseconds(0), kResponseTime);
}

void AdmissionControl::Cancelled(const call::Head& head, Clock::time_point deadline, Clock::time_point now) const {
  if (deadline == Clock::time_point::max()) return Ended(head, now);
  early_cancels_.Cancelled(head.connection, deadline - now, now);
}

double AdmissionControl::RateOf(const call::Head& head) const {
  const double usual = options_.caller_items_per_second;
  return head.caller == nullptr ? usual : head.caller->items_per_second.value_or(usual);
}

nanoseconds AdmissionControl::RateWait(const call::Head& head, Clock::time_point now) const {
  return RateOf(head) > 0 ? rates_.Wait(CallerOf(head), now) : nanoseconds(0);
}

absl::Status AdmissionControl::CheckRate(const call::Head& head, Clock::time_point now) const {
  const nanoseconds wait = RateWait(head, now);
  if (wait <= nanoseconds(0)) return absl::OkStatus();
  return WithRetryDelay(
      MakeStatus(FailureReason::kCallerRate,
                 absl::StrFormat("the caller has had more than its %g items a second; try again later", RateOf(head))),
      wait);
}

void AdmissionControl::CountItems(const call::Head& head, size_t items, Clock::time_point now) const {
  if (const double rate = RateOf(head); rate > 0) rates_.Spend(CallerOf(head), rate, items, now);
}

absl::Status AdmissionControl::CheckShare(const admission::PendingCall& work, const call::Head& head,
                                          Clock::time_point now) const {
  const double share = ShareOf(head, options_.caller_share);
  if (share >= 1) return absl::OkStatus();
  const admission::WaitPredictor::Held held = predictor_->held_by(work.caller);
  const auto part = [&](size_t capacity) { return static_cast<size_t>(share * static_cast<double>(capacity)); };
  const size_t items = Excess(held.items + work.items, part(options_.capacity_items));
  const size_t tokens = Excess(held.tokens + work.tokens, part(options_.capacity_tokens));
  if (held.items == 0 || (items == 0 && tokens == 0)) return absl::OkStatus();
  const nanoseconds drain = predictor_->backlog(now).drain;
  return WithRetryDelay(
      MakeStatus(FailureReason::kCallerShare, absl::StrCat("the caller has ", held.items, " items waiting already and ",
                                                           "no room for ", work.items, " more; try again later")),
      std::max(DrainOf(drain, items, held.items), DrainOf(drain, tokens, held.tokens)));
}

absl::Status AdmissionControl::Admit(const admission::PendingCall& work, const call::Head& head,
                                     Clock::time_point deadline, Clock::time_point now, Forecast* forecast) const {
  RETURN_IF_ERROR(CheckRoom(work, now));
  RETURN_IF_ERROR(CheckShare(work, head, now));
  forecast->work = work;
  forecast->made = now;
  forecast->prediction = Predict(work, now);
  const nanoseconds time_left = TimeLeft(head, deadline, now);
  if (options_.predictive && forecast->prediction.known && forecast->prediction.latest() > time_left) {
    return TooLate(head, forecast->prediction, time_left, now);
  }
  forecast->reservation = predictor_->Reserve(work, now);
  return absl::OkStatus();
}

absl::Status AdmissionControl::CheckAgain(size_t tokens, const call::Head& head, Clock::time_point deadline,
                                          Clock::time_point now, Forecast* forecast) const {
  forecast->work.tokens = tokens;
  if (!options_.predictive) return absl::OkStatus();
  const Prediction prediction = predictor_->Predict(forecast->work, admission::WaitPredictor::Behind::kQueuedOnly, now);
  const nanoseconds time_left = TimeLeft(head, deadline, now);
  if (!prediction.known || prediction.finish <= time_left) return absl::OkStatus();
  return TooLate(head, prediction, time_left, now);
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

absl::Status AdmissionControl::TooLate(const call::Head& head, const Prediction& prediction, nanoseconds time_left,
                                       Clock::time_point now) const {
  std::string message = absl::StrFormat("the call is predicted to take %.0f ms and has %.0f ms left",
                                        1e3 * Seconds(prediction.latest()), 1e3 * std::max(0.0, Seconds(time_left)));
  if (const nanoseconds lead = early_cancels_.Lead(head.connection, now); lead > nanoseconds(0)) {
    absl::StrAppendFormat(&message, ", as its client gives calls up %.0f ms before their deadlines",
                          1e3 * Seconds(lead));
  }
  // After the difference, the backlog will be short enough for a call with the same deadline.
  return WithRetryDelay(MakeStatus(FailureReason::kPredictedTooLate, absl::StrCat(message, "; try again later")),
                        prediction.latest() - time_left);
}

absl::Status AdmissionControl::CheckRoom(const admission::PendingCall& work, Clock::time_point now) const {
  const admission::WaitPredictor::Held held = predictor_->held();
  const bool full =
      held.items + work.items > options_.capacity_items || held.tokens + work.tokens > options_.capacity_tokens;
  if (!full || held.items == 0) return absl::OkStatus();  // an empty queue takes anything
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
