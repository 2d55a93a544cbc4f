#pragma once

#include <atomic>
#include <cstdint>
#include <functional>

#include "absl/status/status.h"
#include "server/admission/permits.h"
#include "server/admission/wait_predictor.h"

namespace roberta::service {

/// Bounds the calls in flight, and refuses all calls while the server loads or shuts down. Any thread may call.
class ConcurrencyLimit {
 public:
  /// Both must outlive this.
  ConcurrencyLimit(admission::Permits* permits, const admission::WaitPredictor* predictor)
      : permits_(permits), predictor_(predictor) {}

  /// Until this is called, every call is refused as UNAVAILABLE.
  void SetReady() { ready_.store(true, std::memory_order_release); }

  /// Puts a permit into `*permit`, to be held until the response is on its way. Failure reasons: kLoading, kDraining,
  /// and kTooManyCalls with a retry delay.
  absl::Status Admit(admission::Permit* permit);
  /// For a stream, which waits where other calls are refused: calls `admitted` once, with a permit or with the reason
  /// why there will be none; see admission::Permits::AdmitWhenFree.
  uint64_t AdmitWhenFree(std::function<void(absl::Status, admission::Permit)> admitted);
  void CancelWait(uint64_t wait) { permits_->CancelWait(wait); }

  /// Failure reason: kLoading until SetReady is called.
  absl::Status CheckReady() const;

 private:
  absl::Status TooManyCalls() const;

  admission::Permits* const permits_;
  const admission::WaitPredictor* const predictor_;
  std::atomic<bool> ready_{false};
};

}  // namespace roberta::service
