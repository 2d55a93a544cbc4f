#include "server/service/concurrency_limit.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "server/call/failure_reason.h"
#include "server/service/queued_job.h"

namespace roberta::service {

using call::FailureReason;
using call::MakeStatus;
using call::WithRetryDelay;

absl::Status ConcurrencyLimit::Admit(admission::Permit* permit) {
  admission::Permits::Decision decision = permits_->TryAdmit();
  switch (decision.refusal) {
    case admission::Refusal::kClosed:
      return Draining();
    case admission::Refusal::kFull:
      return TooManyCalls();
    case admission::Refusal::kNone:
      break;
  }
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

}  // namespace roberta::service
