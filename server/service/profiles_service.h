#pragma once

#include <string>

#include "profiles/registry/registry.h"
#include "roberta/v1/profiles.grpc.pb.h"
#include "server/metrics/server_metrics.h"
#include "server/service/profile_administration.h"

namespace roberta::service {

/// roberta.v1.Profiles over gRPC's callback API; requests that name a profile are read from the wire as
/// RawProfileRequest. Everything pointed to must outlive the server that this is registered with.
class ProfilesService final
    : public v1::Profiles::WithCallbackMethod_ListProfiles<
          v1::Profiles::WithRawCallbackMethod_LoadProfile<v1::Profiles::WithRawCallbackMethod_UnloadProfile<
              v1::Profiles::WithRawCallbackMethod_SetDefaultProfile<v1::Profiles::Service>>>> {
 public:
  ProfilesService(std::string model_name, const registry::Registry* registry, metrics::ServerMetrics* metrics,
                  ProfileAdministration* administration);

  grpc::ServerUnaryReactor* ListProfiles(grpc::CallbackServerContext* context, const v1::ListProfilesRequest* request,
                                         v1::ListProfilesResponse* response) override;
  grpc::ServerUnaryReactor* LoadProfile(grpc::CallbackServerContext* context, const grpc::ByteBuffer* request,
                                        grpc::ByteBuffer* response) override;
  grpc::ServerUnaryReactor* UnloadProfile(grpc::CallbackServerContext* context, const grpc::ByteBuffer* request,
                                          grpc::ByteBuffer* response) override;
  grpc::ServerUnaryReactor* SetDefaultProfile(grpc::CallbackServerContext* context, const grpc::ByteBuffer* request,
                                              grpc::ByteBuffer* response) override;

 private:
  const std::string model_name_;
  const registry::Registry* const registry_;
  metrics::ServerMetrics* const metrics_;
  ProfileAdministration* const administration_;
};

}  // namespace roberta::service
