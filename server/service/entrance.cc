#include "server/service/entrance.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "server/service/retry_delay.h"
#include "server/service/situations.h"

namespace roberta::service {

absl::Status Entrance::Admit(admission::Permit* permit) {
  admission::Permits::Decision decision = permits_->TryAdmit();
  switch (decision.refusal) {
    case admission::Refusal::kClosed:
      return MakeStatus(Situation::kDraining, "the server is shutting down");
    case admission::Refusal::kFull:
      return TooManyCalls();
    case admission::Refusal::kNone:
      break;
  }
  *permit = std::move(decision.permit);
  return CheckReady();
}

uint64_t Entrance::AdmitWhenFree(std::function<void(absl::Status, admission::Permit)> admitted) {
  return permits_->AdmitWhenFree([admitted = std::move(admitted)](admission::Permits::Decision decision) {
    if (decision.permit) return admitted(absl::OkStatus(), std::move(decision.permit));
    admitted(MakeStatus(Situation::kDraining, "the server is shutting down"), admission::Permit());
  });
}

absl::Status Entrance::CheckReady() const {
  if (!ready_.load(std::memory_order_acquire)) return MakeStatus(Situation::kLoading, "the model is being loaded");
  return absl::OkStatus();
}

absl::Status Entrance::TooManyCalls() const {
  // One place is free sooner, but many are turned away at a time and all of them would come back for it.
  constexpr int kPartToWaitFor = 16;
  return WithRetryDelay(MakeStatus(Situation::kTooManyCalls,
                                   absl::StrCat(permits_->capacity(), " calls are in flight already; try again later")),
                        predictor_->backlog(admission::WaitPredictor::Clock::now()).drain / kPartToWaitFor);
}

absl::Status Entrance::CheckStillWanted(const std::atomic<bool>& cancelled,
                                        std::chrono::system_clock::time_point deadline) {
  if (cancelled.load(std::memory_order_relaxed)) {
    return MakeStatus(Situation::kCancelled, "the client cancelled the call");
  }
  if (std::chrono::system_clock::now() >= deadline) {
    return MakeStatus(Situation::kDeadlinePassed, "the deadline passed while the call waited");
  }
  return absl::OkStatus();
}

}  // namespace roberta::service
