#pragma once

#include <string>

#include "profiles/registry/registry.h"
#include "roberta/v1/profiles.grpc.pb.h"
#include "server/metrics/phases.h"
#include "server/metrics/server_metrics.h"
#include "server/request_log/call_identity.h"
#include "server/request_log/request_log.h"
#include "server/service/profile_administration.h"

namespace roberta::service {

/// roberta.v1.Profiles over gRPC's callback API; requests that name a profile are read from the wire as
/// RawProfileRequest. Everything pointed to must outlive the server that this is registered with.
class ProfilesService final
    : public v1::Profiles::WithCallbackMethod_ListProfiles<
          v1::Profiles::WithRawCallbackMethod_LoadProfile<v1::Profiles::WithRawCallbackMethod_UnloadProfile<
              v1::Profiles::WithRawCallbackMethod_SetDefaultProfile<v1::Profiles::Service>>>> {
 public:
  /// `log` may be nullptr: calls are then not logged.
  ProfilesService(std::string model_name, const registry::Registry* registry, metrics::ServerMetrics* metrics,
                  ProfileAdministration* administration, request_log::RequestLog* log);

  grpc::ServerUnaryReactor* ListProfiles(grpc::CallbackServerContext* context, const v1::ListProfilesRequest* request,
                                         v1::ListProfilesResponse* response) override;
  grpc::ServerUnaryReactor* LoadProfile(grpc::CallbackServerContext* context, const grpc::ByteBuffer* request,
                                        grpc::ByteBuffer* response) override;
  grpc::ServerUnaryReactor* UnloadProfile(grpc::CallbackServerContext* context, const grpc::ByteBuffer* request,
                                          grpc::ByteBuffer* response) override;
  grpc::ServerUnaryReactor* SetDefaultProfile(grpc::CallbackServerContext* context, const grpc::ByteBuffer* request,
                                              grpc::ByteBuffer* response) override;

 private:
  /// What is known of a call from its beginning, for the log.
  struct Call {
    metrics::Method method;
    request_log::CallIdentity identity;
    metrics::PhaseClock clock;
    std::string profile;  ///< as the request names it
  };

  static Call Begin(metrics::Method method, grpc::CallbackServerContext* context);
  /// Puts the name of a RawProfileRequest into the call; counts a call of which the message cannot be read.
  absl::Status ReadName(const grpc::ByteBuffer& request, Call* call) const;
  void Log(const Call& call, const absl::Status& status) const;
  /// Ends the call, with `response` where it is ok.
  template <typename Response>
  void End(const Call& call, const absl::StatusOr<Response>& response, grpc::ByteBuffer* bytes,
           grpc::ServerUnaryReactor* reactor) const;

  const std::string model_name_;
  const registry::Registry* const registry_;
  metrics::ServerMetrics* const metrics_;
  ProfileAdministration* const administration_;
  request_log::RequestLog* const log_;
};

}  // namespace roberta::service
