#pragma once

#include <atomic>
#include <string>

#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "profiles/registry/registry.h"
#include "roberta/v1/profiles.pb.h"
#include "server/admission/permits.h"
#include "server/batching/worker_pool.h"
#include "server/metrics/phases.h"
#include "server/metrics/server_metrics.h"
#include "server/service/entrance.h"

namespace roberta::service {

/// Changes which profiles are loaded and which one is the default, free of gRPC. Any thread may call; nothing blocks.
class ProfileAdministration {
 public:
  /// All must outlive this; `loads`, a pool of one thread, must be destroyed, and so emptied, before it.
  struct Parts {
    registry::Registry* registry;
    Entrance* entrance;
    batching::WorkerPool* loads;
    metrics::ServerMetrics* metrics;
  };

  /// Loads that may be under way or wait at a time.
  static constexpr int kMostLoads = 16;

  explicit ProfileAdministration(const Parts& parts) : parts_(parts) {}

  /// Calls `done` once when the profile is loaded or has failed, on the pool's thread; with an error if it never came
  /// to loading, perhaps before this returns. Situations: kUnknownProfile, kTooManyLoads and those of Entrance::Admit.
  void Load(const std::string& name, absl::AnyInvocable<void(absl::StatusOr<v1::LoadProfileResponse>)> done);

  /// Situations: kUnknownProfile, kProfileInUse and those of Entrance::Admit. What was loaded is freed on the pool's
  /// thread.
  absl::StatusOr<v1::UnloadProfileResponse> Unload(const std::string& name);

  /// Situations: kUnknownProfile, kProfileNotReady and those of Entrance::Admit.
  absl::StatusOr<v1::SetDefaultProfileResponse> SetDefault(const std::string& name);

 private:
  absl::Status Admit(const std::string& name, admission::Permit* permit) const;
  void Count(metrics::Method method, const std::string& name, const absl::Status& status,
             metrics::PhaseClock clock) const;
  v1::ProfileInfo InfoOf(const std::string& name) const;

  const Parts parts_;
  std::atomic<int> loads_{0};
};

}  // namespace roberta::service
