#include "server/service/profiles_service.h"

#include <utility>

namespace roberta::service {

namespace {

v1::ProfileState ToProto(registry::ProfileState state) {
  switch (state) {
    case registry::ProfileState::kLoading:
      return v1::LOADING;
    case registry::ProfileState::kReady:
      return v1::READY;
    case registry::ProfileState::kFailed:
      return v1::FAILED;
    case registry::ProfileState::kUnloaded:
      break;
  }
  return v1::UNLOADED;
}

}  // namespace

ProfilesService::ProfilesService(std::string model_name, std::string default_profile,
                                 const registry::Registry* registry, metrics::ServerMetrics* metrics)
    : model_name_(std::move(model_name)),
      default_profile_(std::move(default_profile)),
      registry_(registry),
      metrics_(metrics) {}

grpc::ServerUnaryReactor* ProfilesService::ListProfiles(grpc::CallbackServerContext* context,
                                                        const v1::ListProfilesRequest* /*request*/,
                                                        v1::ListProfilesResponse* response) {
  metrics::PhaseClock clock(metrics::PhaseClock::Clock::now());
  const checkpoint::Checkpoint& checkpoint = registry_->checkpoint();
  for (const registry::ProfileStatus& status : registry_->List()) {
    v1::ProfileInfo* info = response->add_profiles();
    info->set_name(status.name);
    info->set_state(ToProto(status.state));
    info->set_reason(status.reason);
    info->set_revision(status.revision);
    info->set_precision(status.description.precision);
    for (const std::string& kernel : status.description.kernels) info->add_kernels(kernel);
    info->set_weight_bytes(status.description.weight_bytes);
    info->set_load_seconds(status.load_seconds);
  }
  response->set_default_profile(default_profile_);
  response->set_model(model_name_);
  response->set_model_revision(checkpoint.revision());
  for (const std::string& label : checkpoint.config().labels) response->add_labels(label);
  response->set_max_tokens(static_cast<uint32_t>(checkpoint.config().max_tokens()));
  clock.End(metrics::Phase::kPost);
  metrics_->CallEnded(metrics::Method::kListProfiles, {}, absl::StatusCode::kOk, clock);
  grpc::ServerUnaryReactor* reactor = context->DefaultReactor();
  reactor->Finish(grpc::Status::OK);
  return reactor;
}

}  // namespace roberta::service
