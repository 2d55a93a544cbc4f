#pragma once

#include <atomic>
#include <memory>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "profiles/registry/registry.h"
#include "roberta/internal/requests.pb.h"
#include "roberta/v1/profiles.pb.h"
#include "server/call/call.h"
#include "server/service/parts.h"
#include "server/service/unary_call.h"

namespace roberta::service {

/// A call that names a profile.
template <typename Response>
using ProfileCall = UnaryCall<internal::RawProfileRequest, Response>;
using LoadCall = ProfileCall<v1::LoadProfileResponse>;
using UnloadCall = ProfileCall<v1::UnloadProfileResponse>;
using SetDefaultCall = ProfileCall<v1::SetDefaultProfileResponse>;

/// The calls that list profiles, load and unload them, and make one the default. Any thread may call; nothing blocks.
/// The `done` of each call is called exactly once, perhaps before the method returns.
class ProfileAdministration {
 public:
  /// Loads that may run or wait at a time.
  static constexpr int kMostLoads = 16;

  explicit ProfileAdministration(Parts parts) : parts_(std::move(parts)) {}

  /// A call that was not let in, or whose message could not be read, ends with that status.
  absl::StatusOr<v1::ListProfilesResponse> List(const absl::Status& begun, const call::Head& head) const;
  /// Ends when the profile is loaded or has failed, which is a response too, on the pool's thread. Failure reasons:
  /// kUnknownProfile, kTooManyLoads and those of ConcurrencyLimit::Admit.
  void Load(std::shared_ptr<LoadCall> call);
  /// Failure reasons: kUnknownProfile, kProfileInUse and those of ConcurrencyLimit::Admit. The memory is freed on the
  /// pool's thread.
  void Unload(std::shared_ptr<UnloadCall> call);
  /// Failure reasons: kUnknownProfile, kProfileNotReady and those of ConcurrencyLimit::Admit.
  void SetDefault(std::shared_ptr<SetDefaultCall> call);

 private:
  template <typename Call>
  absl::Status Admit(Call& call) const;
  template <typename Call>
  void Finish(call::Method method, Call& call, absl::Status status) const;
  void Record(call::Method method, const call::Head& head, const std::string& profile, const absl::Status& status,
              call::PhaseClock clock) const;

  const Parts parts_;
  std::atomic<int> loads_{0};
};

}  // namespace roberta::service
