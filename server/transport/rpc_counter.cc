#include "server/transport/rpc_counter.h"

#include <grpcpp/grpcpp.h>

#include <chrono>
#include <set>

#include "absl/strings/str_cat.h"
#include "roberta/v1/classifier.pb.h"
#include "roberta/v1/profiles.pb.h"
#include "server/call/failure_reason.h"

namespace roberta::transport {

namespace {

using Clock = std::chrono::steady_clock;

class RpcCounter final : public grpc::experimental::Interceptor {
 public:
  RpcCounter(metrics::RpcMetrics* metrics, const char* method)
      : metrics_(metrics), method_(metrics->Started(method)), start_(Clock::now()) {}

  // A call whose connection broke may end without a status.
  ~RpcCounter() override { End(grpc::StatusCode::CANCELLED); }

  void Intercept(grpc::experimental::InterceptorBatchMethods* methods) override {
    if (methods->QueryInterceptionHookPoint(grpc::experimental::InterceptionHookPoints::PRE_SEND_STATUS)) {
      End(methods->GetSendStatus().error_code());
    }
    methods->Proceed();
  }

 private:
  void End(grpc::StatusCode code) {
    if (ended_) return;
    ended_ = true;
    metrics_->Ended(method_, code, Clock::now() - start_);
  }

  metrics::RpcMetrics* const metrics_;
  const metrics::RpcMetrics::Method& method_;
  const Clock::time_point start_;
  bool ended_ = false;
};

class RpcCounterFactory final : public grpc::experimental::ServerInterceptorFactoryInterface {
 public:
  explicit RpcCounterFactory(metrics::RpcMetrics* metrics) : metrics_(metrics) {}

  grpc::experimental::Interceptor* CreateServerInterceptor(grpc::experimental::ServerRpcInfo* call) override {
    return new RpcCounter(metrics_, call->method());
  }

 private:
  metrics::RpcMetrics* const metrics_;
};

}  // namespace

std::vector<std::string> RpcMethods() {
  // gRPC brings these services itself and has no descriptors of them.
  std::vector<std::string> names = {"grpc.health.v1.Health/Check", "grpc.health.v1.Health/Watch",
                                    "grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo"};
  for (const auto* file : {v1::ClassifyRequest::descriptor()->file(), v1::ProfileInfo::descriptor()->file()}) {
    for (int s = 0; s < file->service_count(); ++s) {
      for (int m = 0; m < file->service(s)->method_count(); ++m) {
        names.push_back(absl::StrCat(file->service(s)->full_name(), "/", file->service(s)->method(m)->name()));
      }
    }
  }
  return names;
}

std::vector<int> RpcCodes() {
  std::set<int> codes = {grpc::StatusCode::OK, grpc::StatusCode::UNKNOWN, grpc::StatusCode::UNIMPLEMENTED};
  for (const call::FailureReasonRow& row : call::kFailureReasons) codes.insert(static_cast<int>(row.code));
  return {codes.begin(), codes.end()};
}

std::unique_ptr<grpc::experimental::ServerInterceptorFactoryInterface> MakeRpcCounter(metrics::RpcMetrics* metrics) {
  return std::make_unique<RpcCounterFactory>(metrics);
}

}  // namespace roberta::transport
