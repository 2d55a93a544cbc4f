#include "server/transport/rpc_counter.h"

#include <grpc/grpc.h>
#include <grpcpp/grpcpp.h>

#include <algorithm>
#include <chrono>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "server/call/call.h"
#include "server/transport/metadata.h"
#include "server/transport/port_services.h"

namespace roberta::transport {

namespace {

using Clock = std::chrono::steady_clock;

constexpr std::chrono::milliseconds kClockSlack(20);

/// Gives what grpc::ServerContextBase has for both kinds of context, but shows only in these.
struct ContextBase : grpc::ServerContextBase {
  static grpc_call* CallOf(grpc::ServerContextBase* context) { return (context->*&ContextBase::c_call)(); }
};

class RpcCounter final : public grpc::experimental::Interceptor, public FirstMessages::Waiting {
 public:
  RpcCounter(metrics::RpcMetrics* metrics, FirstMessages* first_messages, const CountReset& count_reset,
             grpc::experimental::ServerRpcInfo* call)
      : metrics_(metrics),
        method_(metrics->Started(call->method())),
        count_reset_(count_reset),
        call_(call),
        first_messages_(first_messages) {
    first_messages_->Began(this);
  }

  // A call whose connection broke may end without a status.
  ~RpcCounter() override {
    first_messages_->Ended(this);
    End(grpc::StatusCode::CANCELLED);
  }

  std::function<void()> TimedOut() override {
    return EndingOf(ContextBase::CallOf(call_->server_context()),
                    absl::DeadlineExceededError("the message of the call did not come in time"));
  }

  void Intercept(grpc::experimental::InterceptorBatchMethods* methods) override {
    using grpc::experimental::InterceptionHookPoints;
    const auto is = [methods](InterceptionHookPoints point) { return methods->QueryInterceptionHookPoint(point); };
    // A call may also end without its message, and its parts are freed soon after that.
    if (is(InterceptionHookPoints::POST_RECV_MESSAGE) || is(InterceptionHookPoints::PRE_SEND_STATUS) ||
        is(InterceptionHookPoints::POST_RECV_CLOSE)) {
      first_messages_->Ended(this);
    }
    if (is(InterceptionHookPoints::PRE_SEND_STATUS)) End(methods->GetSendStatus().error_code());
    if (is(InterceptionHookPoints::POST_RECV_CLOSE)) Closed();
    methods->Proceed();
  }

 private:
  /// A client whose deadline passes cancels its call too, perhaps before our clock says so. That is no abuse, unless it
  /// is said of a call that has hardly begun.
  void Closed() {
    grpc::ServerContextBase* const context = call_->server_context();
    if (!context->IsCancelled()) return;
    const Clock::duration spent = Clock::now() - start_;
    const Clock::duration slack = std::min(spent, std::max<Clock::duration>(spent / 8, kClockSlack));
    if (std::chrono::system_clock::now() + slack < context->deadline()) count_reset_(context->peer());
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
  FirstMessages* const first_messages_;
  bool ended_ = false;
};

class RpcCounterFactory final : public grpc::experimental::ServerInterceptorFactoryInterface {
 public:
  RpcCounterFactory(metrics::RpcMetrics* metrics, FirstMessages* first_messages, CountReset count_reset)
      : metrics_(metrics), first_messages_(first_messages), count_reset_(std::move(count_reset)) {}

  grpc::experimental::Interceptor* CreateServerInterceptor(grpc::experimental::ServerRpcInfo* call) override {
    return new RpcCounter(metrics_, first_messages_, count_reset_, call);
  }

 private:
  metrics::RpcMetrics* const metrics_;
  FirstMessages* const first_messages_;
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
  std::set<int> codes;
  const call::MethodRow& row = call::RowOf(call::Method::kClassify);
  for (const auto& list : {row.codes, row.codes_without}) {
    for (const absl::StatusCode code : list) codes.insert(static_cast<int>(code));
  }
  return {codes.begin(), codes.end()};
}

std::unique_ptr<grpc::experimental::ServerInterceptorFactoryInterface> MakeRpcCounter(metrics::RpcMetrics* metrics,
                                                                                      FirstMessages* first_messages,
                                                                                      CountReset count_reset) {
  return std::make_unique<RpcCounterFactory>(metrics, first_messages, std::move(count_reset));
}

}  // namespace roberta::transport
