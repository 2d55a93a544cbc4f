#pragma once

#include <google/protobuf/descriptor.h>
#include <grpcpp/generic/async_generic_service.h>
#include <grpcpp/grpcpp.h>

#include <string>
#include <string_view>
#include <vector>

#include "server/metrics/call_metrics.h"

// Which services the gRPC port has, those included that gRPC brings itself.
namespace roberta::transport {

/// Every service with a method that is served. Health is the first of them.
const std::vector<const google::protobuf::ServiceDescriptor*>& ServicesOnPort();

/// Why a method ("tei.v1.Embed/Embed", which may have a slash in front) is not served, and what is instead: a sentence.
/// nullptr for those that are served.
const char* WhyUnserved(std::string_view method);

/// Ends calls of methods that are not served with UNIMPLEMENTED and the sentence of WhyUnserved.
class Unserved final : public grpc::CallbackGenericService {
 public:
  /// `metrics` must outlive the server that this is registered with.
  explicit Unserved(metrics::CallMetrics* metrics) : metrics_(metrics) {}

  grpc::ServerGenericBidiReactor* CreateReactor(grpc::GenericCallbackServerContext* context) override;

 private:
  metrics::CallMetrics* const metrics_;
};

}  // namespace roberta::transport
