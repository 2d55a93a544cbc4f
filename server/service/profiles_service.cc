#include "server/service/profiles_service.h"

#include <utility>

#include "roberta/internal/requests.pb.h"
#include "server/service/profile_info.h"
#include "server/service/raw_message.h"

namespace roberta::service {

ProfilesService::ProfilesService(std::string model_name, const registry::Registry* registry,
                                 metrics::ServerMetrics* metrics, ProfileAdministration* administration)
    : model_name_(std::move(model_name)), registry_(registry), metrics_(metrics), administration_(administration) {}

grpc::ServerUnaryReactor* ProfilesService::ListProfiles(grpc::CallbackServerContext* context,
                                                        const v1::ListProfilesRequest* /*request*/,
                                                        v1::ListProfilesResponse* response) {
  metrics::PhaseClock clock(metrics::PhaseClock::Clock::now());
  const checkpoint::Checkpoint& checkpoint = registry_->checkpoint();
  for (const registry::ProfileStatus& status : registry_->List()) {
    if (status.is_default) response->set_default_profile(status.name);
    *response->add_profiles() = ToProto(status);
  }
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

grpc::ServerUnaryReactor* ProfilesService::LoadProfile(grpc::CallbackServerContext* context,
                                                       const grpc::ByteBuffer* request, grpc::ByteBuffer* response) {
  grpc::ServerUnaryReactor* reactor = context->DefaultReactor();
  internal::RawProfileRequest raw;
  if (const absl::Status read = ReadMessage(*request, &raw); !read.ok()) {
    reactor->Finish(ToGrpcStatus(read, {}));
    return reactor;
  }
  administration_->Load(raw.name(), [reactor, response](absl::StatusOr<v1::LoadProfileResponse> loaded) {
    FinishWith(loaded, response, reactor);
  });
  return reactor;
}

grpc::ServerUnaryReactor* ProfilesService::UnloadProfile(grpc::CallbackServerContext* context,
                                                         const grpc::ByteBuffer* request, grpc::ByteBuffer* response) {
  grpc::ServerUnaryReactor* reactor = context->DefaultReactor();
  internal::RawProfileRequest raw;
  if (const absl::Status read = ReadMessage(*request, &raw); !read.ok()) {
    reactor->Finish(ToGrpcStatus(read, {}));
  } else {
    FinishWith(administration_->Unload(raw.name()), response, reactor);
  }
  return reactor;
}

grpc::ServerUnaryReactor* ProfilesService::SetDefaultProfile(grpc::CallbackServerContext* context,
                                                             const grpc::ByteBuffer* request,
                                                             grpc::ByteBuffer* response) {
  grpc::ServerUnaryReactor* reactor = context->DefaultReactor();
  internal::RawProfileRequest raw;
  if (const absl::Status read = ReadMessage(*request, &raw); !read.ok()) {
    reactor->Finish(ToGrpcStatus(read, {}));
  } else {
    FinishWith(administration_->SetDefault(raw.name()), response, reactor);
  }
  return reactor;
}

}  // namespace roberta::service
