#include "server/app/grpc_port.h"

#include <grpcpp/grpcpp.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <initializer_list>
#include <utility>
#include <vector>

#include "profiles/errors/errors.h"
#include "server/call/failure_reason.h"
#include "server/sockets/listening.h"
#include "server/transport/rpc_counter.h"

namespace roberta::app {

using grpc::experimental::ExternalConnectionAcceptor;
using std::chrono::milliseconds;

namespace {

/// A limit for gRPC, for which 0 is no number of its own.
uint32_t OrForever(uint32_t milliseconds) {
  return milliseconds == 0 ? INT32_MAX : milliseconds;
}

void SetLimits(const config::Limits& limits, grpc::ServerBuilder* builder) {
  for (const auto& [argument, value] : std::initializer_list<std::pair<const char*, uint32_t>>{
           {GRPC_ARG_MAX_CONCURRENT_STREAMS, limits.max_concurrent_streams()},
           {GRPC_ARG_MAX_METADATA_SIZE, limits.max_metadata_bytes()},
           {GRPC_ARG_HTTP2_MIN_RECV_PING_INTERVAL_WITHOUT_DATA_MS, limits.min_ping_interval_ms()},
           {GRPC_ARG_KEEPALIVE_PERMIT_WITHOUT_CALLS, 1},
           {GRPC_ARG_SERVER_HANDSHAKE_TIMEOUT_MS, limits.handshake_timeout_ms()},
           {GRPC_ARG_MAX_CONNECTION_IDLE_MS, OrForever(limits.max_connection_idle_ms())},
           {GRPC_ARG_MAX_CONNECTION_AGE_MS, OrForever(limits.max_connection_age_ms())},
           {GRPC_ARG_MAX_CONNECTION_AGE_GRACE_MS, OrForever(limits.max_connection_age_grace_ms())}}) {
    builder->AddChannelArgument(argument, static_cast<int>(value));
  }
  builder->SetMaxReceiveMessageSize(static_cast<int>(limits.max_message_bytes()));
  grpc::ResourceQuota memory("messages");
  builder->SetResourceQuota(memory.Resize(limits.max_buffered_bytes()));
}

/// A message that has not come in full may be as large as messages are, and gRPC lets a client send ahead what its
/// window for a stream allows, which grows with the network's bandwidth and delay.
sockets::UnfinishedHeaderLimits HeaderLimits(const config::Limits& limits) {
  constexpr uint64_t kMostAhead = 16u << 20;
  const uint64_t bytes = limits.max_unfinished_header_bytes();
  return {.bytes = bytes == 0 ? 0 : std::max<uint64_t>(bytes, 4 * limits.max_metadata_bytes()),
          .bytes_per_call = limits.max_message_bytes() + kMostAhead,
          .bytes_of_all = limits.max_buffered_bytes()};
}

/// Whose connection was closed for what it did; at most a line a second, as there may be many.
void LogAbuse(sockets::Closed reason, std::string_view name) {
  if (reason != sockets::Closed::kResets && reason != sockets::Closed::kHeaders) return;
  static std::atomic<std::chrono::seconds> last{};
  const auto now =
      std::chrono::duration_cast<std::chrono::seconds>(std::chrono::steady_clock::now().time_since_epoch());
  if (last.exchange(now) == now) return;
  const bool is_headers = reason == sockets::Closed::kHeaders;
  spdlog::warn("the connection of {} is closed: it {} ({})", name,
               is_headers ? "sends headers that do not end" : "cancels too many calls",
               is_headers ? "limits.max_unfinished_header_bytes" : "limits.max_resets_per_second");
}

}  // namespace

GrpcPort::GrpcPort(const config::ServerConfig& config, metrics::ServerMetrics* metrics)
    : config_(config), metrics_(metrics) {}

GrpcPort::~GrpcPort() = default;

absl::Status GrpcPort::Listen(const std::shared_ptr<grpc::ServerCredentials>& credentials, size_t most_connections,
                              const std::function<void(grpc::ServerBuilder*)>& add_services) {
  const config::Listen& listen = config_.listen();
  const config::Limits& limits = config_.limits();
  ASSIGN_OR_RETURN(std::vector<sockets::ListeningSocket> listening,
                   sockets::ListenOn(listen.host(), static_cast<uint16_t>(listen.port()), "for gRPC"));
  port_ = listening.front().port();
  if (!listen.unix_socket().empty()) {
    ASSIGN_OR_RETURN(sockets::ListeningSocket unix_socket, sockets::ListenAt(listen.unix_socket()));
    listening.push_back(std::move(unix_socket));
  }
  if (most_connections < limits.max_connections()) {
    spdlog::warn("limits.max_connections is {}, but the system allows open files for {} connections only",
                 limits.max_connections(), most_connections);
  }

  grpc::ServerBuilder builder;
  // [is_unix]; shared, as a function can be copied, and so must be what it holds
  const auto take_over = std::make_shared<std::array<std::unique_ptr<ExternalConnectionAcceptor>, 2>>();
  for (const bool is_unix : {false, true}) {
    (*take_over)[is_unix ? 1 : 0] = builder.experimental().AddExternalConnectionAcceptor(
        grpc::ServerBuilder::experimental_type::ExternalConnectionType::FROM_FD,
        is_unix ? grpc::InsecureServerCredentials() : credentials);
  }
  SetLimits(limits, &builder);
  add_services(&builder);
  std::vector<std::unique_ptr<grpc::experimental::ServerInterceptorFactoryInterface>> interceptors;
  interceptors.push_back(transport::MakeRpcCounter(
      &metrics_->rpcs(), &first_messages_,
      {.count_reset = [this](std::string_view peer) { acceptor_->CountReset(peer, std::chrono::steady_clock::now()); },
       .calls_of = [this](std::string_view peer) { return acceptor_->CallsOf(peer); }}));
  builder.experimental().SetInterceptorCreators(std::move(interceptors));
  grpc_server_ = builder.BuildAndStart();
  if (grpc_server_ == nullptr) return absl::InternalError("gRPC does not start a server");

  acceptor_ = std::make_unique<sockets::Acceptor>(
      std::move(listening),
      sockets::AcceptorOptions{.max_connections = std::min<size_t>(limits.max_connections(), most_connections),
                               .max_per_peer = limits.max_connections_per_peer(),
                               .max_resets_per_second = limits.max_resets_per_second(),
                               .unfinished_headers = HeaderLimits(limits),
                               .abuse_pause = milliseconds(limits.reset_pause_ms()),
                               .hand_over =
                                   [take_over](int descriptor, bool is_unix) {
                                     ExternalConnectionAcceptor::NewConnectionParameters connection;
                                     connection.fd = descriptor;
                                     (*take_over)[is_unix ? 1 : 0]->HandleNewConnection(&connection);
                                   },
                               .count_open = [this](size_t connections) { metrics_->connections().Set(connections); },
                               .count_closed =
                                   [this](sockets::Closed reason, std::string_view name) {
                                     metrics_->connections().CountClosed(reason);
                                     LogAbuse(reason, name);
                                   }});
  return absl::OkStatus();
}

void GrpcPort::EndLateCalls(std::chrono::steady_clock::time_point now) {
  const milliseconds longest(config_.limits().request_timeout_ms());
  for (size_t ended = first_messages_.EndSince(now - longest); ended > 0; --ended) {
    metrics_->calls().Failed(call::kFailureReasons[static_cast<size_t>(call::FailureReason::kRequestTimeout)].name);
  }
}

void GrpcPort::Shutdown(milliseconds timeout) {
  grpc_server_->Shutdown(std::chrono::system_clock::now() + timeout);
  grpc_server_->Wait();
}

}  // namespace roberta::app
