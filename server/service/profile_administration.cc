#include "server/service/profile_administration.h"

#include <memory>
#include <utility>

#include "absl/strings/str_cat.h"
#include "server/service/named_profile.h"
#include "server/service/profile_info.h"
#include "server/service/situations.h"

namespace roberta::service {

using metrics::Method;
using metrics::PhaseClock;

void ProfileAdministration::Load(const std::string& name,
                                 absl::AnyInvocable<void(absl::StatusOr<v1::LoadProfileResponse>)> done) {
  const PhaseClock clock(PhaseClock::Clock::now());
  auto permit = std::make_shared<admission::Permit>();
  absl::Status status = Admit(name, permit.get());
  if (status.ok() && loads_.fetch_add(1) >= kMostLoads) {
    loads_.fetch_sub(1);
    status = MakeStatus(Situation::kTooManyLoads,
                        absl::StrCat(kMostLoads, " loads are under way or wait already; try again later"));
  }
  if (!status.ok()) {
    Count(Method::kLoadProfile, name, status, clock);
    return done(std::move(status));
  }
  parts_.loads->Push([this, name, clock, permit, done = std::move(done)]() mutable {
    const absl::Status loaded = parts_.registry->Load(name);
    loads_.fetch_sub(1);
    v1::LoadProfileResponse response;
    *response.mutable_profile() = InfoOf(name);
    response.set_failure(std::string(loaded.message()));
    Count(Method::kLoadProfile, name, absl::OkStatus(), clock);
    done(std::move(response));
    *permit = admission::Permit();  // only now: the server may not stop before the answer is on its way
  });
}

absl::StatusOr<v1::UnloadProfileResponse> ProfileAdministration::Unload(const std::string& name) {
  const PhaseClock clock(PhaseClock::Clock::now());
  admission::Permit permit;
  absl::Status status = Admit(name, &permit);
  if (status.ok()) {
    auto unloaded = parts_.registry->Unload(name);
    if (!unloaded.ok()) {
      status = MakeStatus(Situation::kProfileInUse, std::string(unloaded.status().message()));
    } else if (*unloaded != nullptr) {
      parts_.loads->Push([profile = *std::move(unloaded)] {});  // freeing takes a while
    }
  }
  Count(Method::kUnloadProfile, name, status, clock);
  if (!status.ok()) return status;
  v1::UnloadProfileResponse response;
  *response.mutable_profile() = InfoOf(name);
  return response;
}

absl::StatusOr<v1::SetDefaultProfileResponse> ProfileAdministration::SetDefault(const std::string& name) {
  const PhaseClock clock(PhaseClock::Clock::now());
  admission::Permit permit;
  absl::Status status = Admit(name, &permit);
  if (status.ok()) {
    const absl::Status set = parts_.registry->SetDefault(name);
    if (!set.ok()) status = MakeStatus(Situation::kProfileNotReady, std::string(set.message()));
  }
  Count(Method::kSetDefaultProfile, name, status, clock);
  if (!status.ok()) return status;
  v1::SetDefaultProfileResponse response;
  *response.mutable_profile() = InfoOf(name);
  return response;
}

absl::Status ProfileAdministration::Admit(const std::string& name, admission::Permit* permit) const {
  absl::Status status = parts_.entrance->Admit(permit);
  return status.ok() ? CheckKnown(*parts_.registry, "name", name) : status;
}

void ProfileAdministration::Count(Method method, const std::string& name, const absl::Status& status,
                                  PhaseClock clock) const {
  clock.End(metrics::Phase::kPost);
  parts_.metrics->calls().Ended({.method = method, .profile = name, .code = status.code(), .reason = ReasonOf(status)},
                                clock);
}

v1::ProfileInfo ProfileAdministration::InfoOf(const std::string& name) const {
  const auto status = parts_.registry->StatusOf(name);
  return status.ok() ? ToProto(*status) : v1::ProfileInfo();
}

}  // namespace roberta::service
