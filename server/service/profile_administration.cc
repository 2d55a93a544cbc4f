#include "server/service/profile_administration.h"

#include "absl/strings/str_cat.h"
#include "profiles/errors/errors.h"
#include "server/call/failure_reason.h"
#include "server/service/admission_control.h"
#include "server/service/call_end.h"
#include "server/service/profile_selection.h"

namespace roberta::service {

using call::FailureReason;
using call::MakeStatus;
using call::Method;

namespace {

/// [registry::ProfileState]
constexpr v1::ProfileState kStates[] = {v1::UNLOADED, v1::LOADING, v1::READY, v1::FAILED};

/// What the registry knows of a profile. What was not measured is absent.
v1::ProfileInfo InfoOf(const registry::ProfileStatus& status) {
  v1::ProfileInfo info;
  info.set_name(status.name);
  info.set_recipe(status.recipe);
  if (!status.summary.empty()) info.set_summary(status.summary);
  info.set_is_default(status.is_default);
  info.set_state(kStates[static_cast<size_t>(status.state)]);
  info.set_reason(status.reason);
  info.set_revision(status.revision);
  info.set_precision(status.description.precision);
  for (const std::string& kernel : status.description.kernels) info.add_kernels(kernel);
  info.set_weight_bytes(status.description.weight_bytes);
  info.set_load_seconds(status.load_seconds);
  for (const registry::LoadStep& step : status.steps) {
    v1::LoadStep* added = info.add_load_steps();
    added->set_name(step.name);
    added->set_seconds(step.seconds);
  }
  info.set_quality_reason(status.quality_reason);
  if (status.quality) {
    info.set_agreement(status.quality->agreement);
    info.set_mean_abs_dp(status.quality->mean_abs_dp);
    info.set_max_abs_dp(status.quality->max_abs_dp);
    info.set_examples(static_cast<uint32_t>(status.quality->examples));
    if (status.quality->accuracy) info.set_accuracy(*status.quality->accuracy);
    if (status.quality->baseline_accuracy) info.set_baseline_accuracy(*status.quality->baseline_accuracy);
  }
  if (status.expected_tokens_per_second) info.set_expected_tokens_per_second(*status.expected_tokens_per_second);
  if (status.efficient_batch_tokens) {
    info.set_efficient_batch_tokens(static_cast<uint32_t>(*status.efficient_batch_tokens));
  }
  return info;
}

v1::ProfileInfo InfoOf(const registry::Registry& registry, const std::string& name) {
  const auto status = registry.StatusOf(name);
  return status.ok() ? InfoOf(*status) : v1::ProfileInfo();
}

}  // namespace

absl::StatusOr<v1::ListProfilesResponse> ProfileAdministration::List(const absl::Status& begun,
                                                                     const call::Head& head) const {
  const call::PhaseClock clock(call::PhaseClock::Clock::now());
  if (!begun.ok()) {
    Record(Method::kListProfiles, head, "", begun, clock);
    return begun;
  }
  const checkpoint::Checkpoint& checkpoint = parts_.registry->checkpoint();
  v1::ListProfilesResponse response;
  for (const registry::ProfileStatus& status : parts_.registry->List()) {
    if (status.is_default) response.set_default_profile(status.name);
    *response.add_profiles() = InfoOf(status);
  }
  response.set_model(parts_.model_name);
  response.set_model_revision(checkpoint.revision());
  for (const std::string& label : checkpoint.config().labels) response.add_labels(label);
  response.set_max_tokens(static_cast<uint32_t>(checkpoint.config().max_tokens()));
  Record(Method::kListProfiles, head, "", absl::OkStatus(), clock);
  return response;
}

void ProfileAdministration::Load(std::shared_ptr<LoadCall> call) {
  absl::Status status = Admit(*call);
  if (status.ok() && loads_.fetch_add(1) >= kMostLoads) {
    loads_.fetch_sub(1);
    status = MakeStatus(FailureReason::kTooManyLoads,
                        absl::StrCat(kMostLoads, " loads are under way or wait already; try again later"));
  }
  if (!status.ok()) return Finish(Method::kLoadProfile, *call, std::move(status));
  parts_.loads->Push([this, call = std::move(call)] {
    const std::string& name = call->request.name();
    const absl::Status loaded = parts_.registry->Load(name);
    loads_.fetch_sub(1);
    call->outcome.response.set_failure(std::string(loaded.message()));
    // A profile that is still unloaded was not tried: this machine cannot run it.
    const auto after = parts_.registry->StatusOf(name);
    const bool tried = loaded.ok() || !after.ok() || after->state != registry::ProfileState::kUnloaded;
    Finish(Method::kLoadProfile, *call,
           tried ? absl::OkStatus() : MakeStatus(FailureReason::kProfileNotReady, std::string(loaded.message())));
  });
}

void ProfileAdministration::Unload(std::shared_ptr<UnloadCall> call) {
  absl::Status status = Admit(*call);
  if (status.ok()) {
    auto unloaded = parts_.registry->Unload(call->request.name());
    if (!unloaded.ok()) {
      status = MakeStatus(FailureReason::kProfileInUse, std::string(unloaded.status().message()));
    } else if (*unloaded != nullptr) {
      parts_.loads->Push([profile = *std::move(unloaded)] {});  // freeing the memory takes a while
    }
  }
  Finish(Method::kUnloadProfile, *call, std::move(status));
}

void ProfileAdministration::SetDefault(std::shared_ptr<SetDefaultCall> call) {
  absl::Status status = Admit(*call);
  if (status.ok()) {
    const absl::Status set = parts_.registry->SetDefault(call->request.name());
    if (!set.ok()) status = MakeStatus(FailureReason::kProfileNotReady, std::string(set.message()));
  }
  Finish(Method::kSetDefaultProfile, *call, std::move(status));
}

template <typename Call>
absl::Status ProfileAdministration::Admit(Call& call) const {
  RETURN_IF_ERROR(call.outcome.status);
  RETURN_IF_ERROR(parts_.concurrency->Admit(call, &call.permit));
  return CheckKnown(*parts_.registry, "name", call.request.name());
}

template <typename Call>
void ProfileAdministration::Finish(Method method, Call& call, absl::Status status) const {
  if (status.ok()) *call.outcome.response.mutable_profile() = InfoOf(*parts_.registry, call.request.name());
  call.outcome.status = std::move(status);
  Record(method, call, call.request.name(), call.outcome.status, call.clock);
  call.Complete();
}

void ProfileAdministration::Record(Method method, const call::Head& head, const std::string& profile,
                                   const absl::Status& status, call::PhaseClock clock) const {
  clock.End(call::Phase::kPost);
  CountAndLog(parts_, {method, profile, status, head, clock}, [&](request_log::Record* record) {
    record->profile_requested = LoggedName(profile, parts_.registry->names());
  });
}

}  // namespace roberta::service
