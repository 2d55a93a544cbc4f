#include "server/transport/rpc_counter.h"

#include <grpc/grpc.h>
#include <grpcpp/grpcpp.h>

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

constexpr std::chrono::milliseconds kAtOnce(10);

/// Gives what grpc::ServerContextBase has for both kinds of context, but shows only in these.
struct ContextBase : grpc::ServerContextBase {
  static grpc_call* CallOf(grpc::ServerContextBase* context) { return (context->*&ContextBase::c_call)(); }
};

class RpcCounter final : public grpc::experimental::Interceptor, public FirstMessages::Waiting {
 public:
  RpcCounter(metrics::RpcMetrics* metrics, FirstMessages* first_messages, const Connections& connections,
             grpc::experimental::ServerRpcInfo* call)
      : metrics_(metrics),
        method_(metrics->Started(call->method())),
        connections_(connections),
        call_(call),
        on_connection_(connections.calls_of(call->server_context()->peer())),
        first_messages_(first_messages) {
    if (on_connection_ != nullptr) on_connection_->Began();
    first_messages_->Began(this);
  }

  // A call whose connection broke may end without a status.
  ~RpcCounter() override {
    first_messages_->Ended(this);
    if (on_connection_ != nullptr) on_connection_->Ended();
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
    if (is(InterceptionHookPoints::POST_RECV_MESSAGE) && on_connection_ != nullptr) {
      const auto* message = static_cast<const grpc::ByteBuffer*>(methods->GetRecvMessage());
      if (message != nullptr) on_connection_->MessageCame(message->Length());
    }
    if (is(InterceptionHookPoints::PRE_SEND_STATUS)) End(methods->GetSendStatus().error_code());
    if (is(InterceptionHookPoints::POST_RECV_CLOSE)) Closed();
    methods->Proceed();
  }

 private:
  void Closed() {
    grpc::ServerContextBase* const context = call_->server_context();
    if (!context->IsCancelled()) return;
    const auto left = context->deadline() - std::chrono::system_clock::now();
    if (IsReset(Clock::now() - start_, left)) connections_.count_reset(context->peer());
  }
  void End(grpc::StatusCode code) {
    if (ended_) return;
    ended_ = true;
    metrics_->Ended(method_, code, Clock::now() - start_);
  }

  metrics::RpcMetrics* const metrics_;
  const metrics::RpcMetrics::Method& method_;
  const Connections& connections_;
  grpc::experimental::ServerRpcInfo* const call_;
  const std::shared_ptr<sockets::CallCounts> on_connection_;
  const Clock::time_point start_ = Clock::now();
  FirstMessages* const first_messages_;
  bool ended_ = false;
};

class RpcCounterFactory final : public grpc::experimental::ServerInterceptorFactoryInterface {
 public:
  RpcCounterFactory(metrics::RpcMetrics* metrics, FirstMessages* first_messages, Connections connections)
      : metrics_(metrics), first_messages_(first_messages), connections_(std::move(connections)) {}

  grpc::experimental::Interceptor* CreateServerInterceptor(grpc::experimental::ServerRpcInfo* call) override {
    return new RpcCounter(metrics_, first_messages_, connections_, call);
  }

 private:
  metrics::RpcMetrics* const metrics_;
  FirstMessages* const first_messages_;
  const Connections connections_;
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

/// A client whose deadline passes cancels its call, too, perhaps before our clock says so. And where thousands of calls
/// wait in a client for free streams, some clients send them with the whole timeout although little of it is left, and
/// give them up soon, but not at once: all streams are in use then, and a call has its own for a while. Who means harm
/// gains nothing by waiting as well, since a connection has few streams.
bool IsReset(Clock::duration spent, Clock::duration left) {
  return spent < kAtOnce && spent < left;
}

std::unique_ptr<grpc::experimental::ServerInterceptorFactoryInterface> MakeRpcCounter(metrics::RpcMetrics* metrics,
                                                                                      FirstMessages* first_messages,
                                                                                      Connections connections) {
  return std::make_unique<RpcCounterFactory>(metrics, first_messages, std::move(connections));
}

}  // namespace roberta::transport
