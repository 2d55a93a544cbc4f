#pragma once

#include <string>

#include "profiles/registry.h"
#include "roberta/v1/profiles.grpc.pb.h"
#include "server/metrics/server_metrics.h"

namespace roberta::service {

/// roberta.v1.Profiles over gRPC's callback API. Everything pointed to must outlive the server that this is registered
/// with.
class ProfilesService final : public v1::Profiles::CallbackService {
 public:
  ProfilesService(std::string model_name, std::string default_profile, const registry::Registry* registry,
                  metrics::ServerMetrics* metrics);

  grpc::ServerUnaryReactor* ListProfiles(grpc::CallbackServerContext* context, const v1::ListProfilesRequest* request,
                                         v1::ListProfilesResponse* response) override;

 private:
  const std::string model_name_;
  const std::string default_profile_;
  const registry::Registry* const registry_;
  metrics::ServerMetrics* const metrics_;
};

}  // namespace roberta::service
