#pragma once

#include <grpcpp/support/server_interceptor.h>

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "server/metrics/call_metrics.h"
#include "server/sockets/unfinished_headers.h"
#include "server/transport/first_messages.h"

namespace roberta::transport {

/// The methods of our own services and of health: "roberta.v1.Classifier/Classify".
std::vector<std::string> RpcMethods();
/// The served methods of all other services on the port.
std::vector<std::string> CompatibleRpcMethods();

/// The status codes that Classify calls of callers who may call end with.
std::vector<int> RpcCodes();

/// Who knows the connections to peers, which grpc::ServerContextBase::peer names.
struct Connections {
  /// A call was cancelled by its client, well before its deadline.
  std::function<void(std::string_view peer)> count_reset;
  /// Where the calls over a connection count, whose messages must be read as grpc::ByteBuffer; nullptr: nowhere.
  std::function<std::shared_ptr<sockets::CallCounts>(std::string_view peer)> calls_of;
};

/// Whether the cancellation of a call, `spent` after it began and `left` before its deadline, is one that
/// limits.max_resets_per_second counts.
bool IsReset(std::chrono::steady_clock::duration spent, std::chrono::steady_clock::duration left);

/// Makes an interceptor for each call that counts its start and its end, and has it in `first_messages` until its first
/// message. Both must outlive the server.
std::unique_ptr<grpc::experimental::ServerInterceptorFactoryInterface> MakeRpcCounter(metrics::RpcMetrics* metrics,
                                                                                      FirstMessages* first_messages,
                                                                                      Connections connections);

}  // namespace roberta::transport
