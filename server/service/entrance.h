#pragma once

#include <atomic>
#include <chrono>

#include "absl/status/status.h"
#include "server/admission/permits.h"

namespace roberta::service {

/// Where every call that costs something comes in. Any thread may call.
class Entrance {
 public:
  /// `permits` must outlive the entrance.
  explicit Entrance(admission::Permits* permits) : permits_(permits) {}

  /// Until then every call is refused as UNAVAILABLE.
  void SetReady() { ready_.store(true, std::memory_order_release); }

  /// Puts a permit into `*permit`, to be held until the answer is on its way, or says why not: the server loads or
  /// stops, or too many calls are in flight.
  absl::Status Admit(admission::Permit* permit);

  /// Why a call that was admitted need not be answered any more; OK while it is wanted.
  static absl::Status CheckStillWanted(const std::atomic<bool>& cancelled,
                                       std::chrono::system_clock::time_point deadline);

 private:
  admission::Permits* const permits_;
  std::atomic<bool> ready_{false};
};

}  // namespace roberta::service
