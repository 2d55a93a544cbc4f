#include "server/transport/rpc_counter.h"

#include <grpcpp/grpcpp.h>

#include <algorithm>
#include <chrono>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "server/call/failure_reason.h"
#include "server/transport/port_services.h"

namespace roberta::transport {

namespace {

using Clock = std::chrono::steady_clock;

constexpr std::chrono::milliseconds kClockSlack(20);

class RpcCounter final : public grpc::experimental::Interceptor {
 public:
  RpcCounter(metrics::RpcMetrics* metrics, const CountReset& count_reset, grpc::experimental::ServerRpcInfo* call)
      : metrics_(metrics), method_(metrics->Started(call->method())), count_reset_(count_reset), call_(call) {}

  // A call whose connection broke may end without a status.
  ~RpcCounter() override { End(grpc::StatusCode::CANCELLED); }

  void Intercept(grpc::experimental::InterceptorBatchMethods* methods) override {
    if (methods->QueryInterceptionHookPoint(grpc::experimental::InterceptionHookPoints::PRE_SEND_STATUS)) {
      End(methods->GetSendStatus().error_code());
    }
    if (methods->QueryInterceptionHookPoint(grpc::experimental::InterceptionHookPoints::POST_RECV_CLOSE)) Closed();
    methods->Proceed();
  }

 private:
  /// A client whose deadline passes cancels its call too, perhaps before our clock says so. That is no abuse: such a
  /// client cannot start calls faster than they end here.
  void Closed() {
    grpc::ServerContextBase* const context = call_->server_context();
    if (!context->IsCancelled()) return;
    const auto now = std::chrono::system_clock::now();
    const auto spent = Clock::now() - start_;
    if (now + std::max<Clock::duration>(spent / 8, kClockSlack) < context->deadline()) count_reset_(context->peer());
  }
  void End(grpc::StatusCode code) {
    if (ended_) return;
    ended_ = true;
    metrics_->Ended(method_, code, Clock::now() - start_);
  }

  metrics::RpcMetrics* const metrics_;
  const metrics::RpcMetrics::Method& method_;
  const CountReset& count_reset_;
  grpc::experimental::ServerRpcInfo* const call_;
  const Clock::time_point start_ = Clock::now();
  bool ended_ = false;
};

class RpcCounterFactory final : public grpc::experimental::ServerInterceptorFactoryInterface {
 public:
  RpcCounterFactory(metrics::RpcMetrics* metrics, CountReset count_reset)
      : metrics_(metrics), count_reset_(std::move(count_reset)) {}

  grpc::experimental::Interceptor* CreateServerInterceptor(grpc::experimental::ServerRpcInfo* call) override {
    return new RpcCounter(metrics_, count_reset_, call);
  }

 private:
  metrics::RpcMetrics* const metrics_;
  const CountReset count_reset_;
};

/// The methods of services that are our own or health, or of all others.
std::vector<std::string> MethodsWhere(bool is_own) {
  std::vector<std::string> names;
  for (const google::protobuf::ServiceDescriptor* service : ServicesOnPort()) {
    const std::string& package = service->file()->package();
    if ((package.starts_with("roberta.") || package.starts_with("grpc.health.")) != is_own) continue;
    for (int i = 0; i < service->method_count(); ++i) {
      std::string name = absl::StrCat(service->full_name(), "/", service->method(i)->name());
      if (WhyUnserved(name) == nullptr) names.push_back(std::move(name));
    }
  }
  return names;
}

}  // namespace

std::vector<std::string> RpcMethods() {
  return MethodsWhere(true);
}

std::vector<std::string> CompatibleRpcMethods() {
  return MethodsWhere(false);
}

std::vector<int> RpcCodes() {
  std::set<int> codes = {grpc::StatusCode::OK, grpc::StatusCode::UNKNOWN, grpc::StatusCode::UNIMPLEMENTED};
  for (const call::FailureReasonRow& row : call::kFailureReasons) codes.insert(static_cast<int>(row.code));
  return {codes.begin(), codes.end()};
}

std::unique_ptr<grpc::experimental::ServerInterceptorFactoryInterface> MakeRpcCounter(metrics::RpcMetrics* metrics,
                                                                                      CountReset count_reset) {
  return std::make_unique<RpcCounterFactory>(metrics, std::move(count_reset));
}

}  // namespace roberta::transport
