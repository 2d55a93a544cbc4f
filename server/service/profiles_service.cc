#include "server/service/profiles_service.h"

#include <utility>

#include "roberta/internal/requests.pb.h"
#include "server/service/call_metadata.h"
#include "server/service/call_records.h"
#include "server/service/profile_info.h"
#include "server/service/raw_message.h"
#include "server/service/situations.h"

namespace roberta::service {

using metrics::Method;
using metrics::PhaseClock;

ProfilesService::ProfilesService(std::string model_name, const registry::Registry* registry,
                                 metrics::ServerMetrics* metrics, ProfileAdministration* administration,
                                 request_log::RequestLog* log)
    : model_name_(std::move(model_name)),
      registry_(registry),
      metrics_(metrics),
      administration_(administration),
      log_(log) {}

ProfilesService::Call ProfilesService::Begin(Method method, grpc::CallbackServerContext* context) {
  return {
      .method = method, .identity = Identify(context), .clock = PhaseClock(PhaseClock::Clock::now()), .profile = {}};
}

absl::Status ProfilesService::ReadName(const grpc::ByteBuffer& request, Call* call) const {
  internal::RawProfileRequest raw;
  absl::Status read = ReadMessage(request, &raw);
  call->profile = raw.name();
  if (read.ok()) return read;
  PhaseClock clock = call->clock;
  clock.End(metrics::Phase::kPost);
  metrics_->calls().Ended({.method = call->method, .code = read.code(), .reason = ReasonOf(read)}, clock);
  return read;
}

void ProfilesService::Log(const Call& call, const absl::Status& status) const {
  PhaseClock clock = call.clock;
  clock.End(metrics::Phase::kPost);
  if (log_ == nullptr || !log_->Wants(status.code(), clock.total_ns())) return;
  request_log::Record record = BeginRecord(call.method, status, call.identity);
  record.profile_requested = LoggedName(call.profile, registry_->names());
  record.total_ns = clock.total_ns();
  log_->Write(record);
}

template <typename Response>
void ProfilesService::End(const Call& call, const absl::StatusOr<Response>& response, grpc::ByteBuffer* bytes,
                          grpc::ServerUnaryReactor* reactor) const {
  Log(call, response.status());
  FinishWith(response, bytes, reactor);
}

grpc::ServerUnaryReactor* ProfilesService::ListProfiles(grpc::CallbackServerContext* context,
                                                        const v1::ListProfilesRequest* /*request*/,
                                                        v1::ListProfilesResponse* response) {
  Call call = Begin(Method::kListProfiles, context);
  const checkpoint::Checkpoint& checkpoint = registry_->checkpoint();
  for (const registry::ProfileStatus& status : registry_->List()) {
    if (status.is_default) response->set_default_profile(status.name);
    *response->add_profiles() = ToProto(status);
  }
  response->set_model(model_name_);
  response->set_model_revision(checkpoint.revision());
  for (const std::string& label : checkpoint.config().labels) response->add_labels(label);
  response->set_max_tokens(static_cast<uint32_t>(checkpoint.config().max_tokens()));
  call.clock.End(metrics::Phase::kPost);
  metrics_->calls().Ended({.method = call.method}, call.clock);
  Log(call, absl::OkStatus());
  grpc::ServerUnaryReactor* reactor = context->DefaultReactor();
  reactor->Finish(grpc::Status::OK);
  return reactor;
}

grpc::ServerUnaryReactor* ProfilesService::LoadProfile(grpc::CallbackServerContext* context,
                                                       const grpc::ByteBuffer* request, grpc::ByteBuffer* response) {
  grpc::ServerUnaryReactor* reactor = context->DefaultReactor();
  Call call = Begin(Method::kLoadProfile, context);
  const absl::Status read = ReadName(*request, &call);
  if (!read.ok()) {
    End<v1::LoadProfileResponse>(call, read, response, reactor);
    return reactor;
  }
  administration_->Load(call.profile, [this, call, reactor, response](absl::StatusOr<v1::LoadProfileResponse> loaded) {
    End(call, loaded, response, reactor);
  });
  return reactor;
}

grpc::ServerUnaryReactor* ProfilesService::UnloadProfile(grpc::CallbackServerContext* context,
                                                         const grpc::ByteBuffer* request, grpc::ByteBuffer* response) {
  grpc::ServerUnaryReactor* reactor = context->DefaultReactor();
  Call call = Begin(Method::kUnloadProfile, context);
  const absl::Status read = ReadName(*request, &call);
  End<v1::UnloadProfileResponse>(
      call, read.ok() ? administration_->Unload(call.profile) : absl::StatusOr<v1::UnloadProfileResponse>(read),
      response, reactor);
  return reactor;
}

grpc::ServerUnaryReactor* ProfilesService::SetDefaultProfile(grpc::CallbackServerContext* context,
                                                             const grpc::ByteBuffer* request,
                                                             grpc::ByteBuffer* response) {
  grpc::ServerUnaryReactor* reactor = context->DefaultReactor();
  Call call = Begin(Method::kSetDefaultProfile, context);
  const absl::Status read = ReadName(*request, &call);
  End<v1::SetDefaultProfileResponse>(
      call, read.ok() ? administration_->SetDefault(call.profile) : absl::StatusOr<v1::SetDefaultProfileResponse>(read),
      response, reactor);
  return reactor;
}

}  // namespace roberta::service
