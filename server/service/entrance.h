#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>

#include "absl/status/status.h"
#include "server/admission/permits.h"
#include "server/admission/wait_predictor.h"

namespace roberta::service {

/// Where every call that costs something comes in. Any thread may call.
class Entrance {
 public:
  /// Both must outlive the entrance.
  Entrance(admission::Permits* permits, const admission::WaitPredictor* predictor)
      : permits_(permits), predictor_(predictor) {}

  /// Until then every call is refused as UNAVAILABLE.
  void SetReady() { ready_.store(true, std::memory_order_release); }

  /// Puts a permit into `*permit`, to be held until the answer is on its way, or says why not: the server loads or
  /// stops, or too many calls are in flight (then with advice when to
  /// try again).
  absl::Status Admit(admission::Permit* permit);

  /// For a stream, which waits where others are refused: calls `admitted` once, with a permit or the reason why there
  /// will be none; see admission::Permits::AdmitWhenFree.
  uint64_t AdmitWhenFree(std::function<void(absl::Status, admission::Permit)> admitted);
  void CancelWait(uint64_t wait) { permits_->CancelWait(wait); }

  /// UNAVAILABLE until SetReady.
  absl::Status CheckReady() const;

  /// Why a call that was admitted need not be answered any more; OK while it is wanted.
  static absl::Status CheckStillWanted(const std::atomic<bool>& cancelled,
                                       std::chrono::system_clock::time_point deadline);

 private:
  absl::Status TooManyCalls() const;

  admission::Permits* const permits_;
  const admission::WaitPredictor* const predictor_;
  std::atomic<bool> ready_{false};
};

}  // namespace roberta::service
