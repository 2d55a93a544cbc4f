#include "server/transport/port_services.h"

#include <algorithm>

#include "grpc/health/v1/health.pb.h"
#include "grpc/reflection/v1/reflection.pb.h"
#include "grpc/reflection/v1alpha/reflection.pb.h"
#include "inference/grpc_service.pb.h"
#include "roberta/v1/classifier.pb.h"
#include "roberta/v1/profiles.pb.h"
#include "server/call/failure_reason.h"
#include "server/transport/metadata.h"
#include "tei/v1/tei.pb.h"
#include "xds/service/orca/v3/orca.pb.h"

namespace roberta::transport {

using google::protobuf::FileDescriptor;
using google::protobuf::ServiceDescriptor;

namespace {

struct UnservedRow {
  std::string_view prefix;
  const char* why;
};
constexpr char kNoSharedMemory[] =
    "shared memory is not offered; ModelInfer takes the contents of its tensors in the request";
constexpr UnservedRow kUnserved[] = {
    {"tei.v1.Embed/", "embeddings are not offered, as the model classifies; tei.v1.Predict, Tokenize and Info are"},
    {"tei.v1.Rerank/", "reranking is not offered; tei.v1.Predict/PredictPair classifies pairs of texts"},
    {"tei.v1.Tokenize/Decode", "decoding is not offered; tei.v1.Tokenize/Tokenize gives tokens with their texts"},
    {"inference.GRPCInferenceService/SystemSharedMemory", kNoSharedMemory},
    {"inference.GRPCInferenceService/CudaSharedMemory", kNoSharedMemory},
    {"inference.GRPCInferenceService/TraceSetting",
     "traces are not offered; answers of roberta.v1.Classifier have the times of their phases, and the log has the "
     "trace of each call"},
    {"inference.GRPCInferenceService/LogSettings",
     "the log cannot be set by clients; it is set by the configuration of the server"},
};

}  // namespace

const char* WhyUnserved(std::string_view method) {
  if (method.starts_with('/')) method.remove_prefix(1);
  for (const UnservedRow& row : kUnserved) {
    if (method.starts_with(row.prefix)) return row.why;
  }
  for (const ServiceDescriptor* service : ServicesOnPort()) {
    const std::string prefix = service->full_name() + "/";
    if (!method.starts_with(prefix)) continue;
    if (service->FindMethodByName(std::string(method.substr(prefix.size()))) != nullptr) return nullptr;
  }
  return "the server has no such method; grpc.reflection.v1.ServerReflection tells those that it has";
}

const std::vector<const ServiceDescriptor*>& ServicesOnPort() {
  static const std::vector<const ServiceDescriptor*> services = [] {
    std::vector<const ServiceDescriptor*> found;
    for (const FileDescriptor* file :
         {grpc::health::v1::HealthCheckRequest::descriptor()->file(), v1::ClassifyRequest::descriptor()->file(),
          v1::ProfileInfo::descriptor()->file(), tei::v1::InfoRequest::descriptor()->file(),
          inference::ModelInferRequest::descriptor()->file(),
          xds::service::orca::v3::OrcaLoadReportRequest::descriptor()->file(),
          grpc::reflection::v1::ServerReflectionRequest::descriptor()->file(),
          grpc::reflection::v1alpha::ServerReflectionRequest::descriptor()->file()}) {
      for (int i = 0; i < file->service_count(); ++i) {
        const std::string whole = file->service(i)->full_name() + "/";
        const auto is_whole = [&](const UnservedRow& row) { return row.prefix == whole; };
        if (std::ranges::none_of(kUnserved, is_whole)) found.push_back(file->service(i));
      }
    }
    return found;
  }();
  return services;
}

grpc::ServerGenericBidiReactor* Unserved::CreateReactor(grpc::GenericCallbackServerContext* context) {
  struct Reactor final : grpc::ServerGenericBidiReactor {
    void OnDone() override { delete this; }
  };
  const char* const why = WhyUnserved(context->method());
  const absl::Status status = call::MakeStatus(call::FailureReason::kNotOffered, why == nullptr ? "" : why);
  metrics_->Failed(call::ReasonOf(status));
  ReadHead(context);
  auto* const reactor = new Reactor;
  reactor->Finish(ToGrpcStatus(status, {}));
  return reactor;
}

}  // namespace roberta::transport
