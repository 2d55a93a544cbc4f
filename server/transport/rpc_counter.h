#pragma once

#include <grpcpp/support/server_interceptor.h>

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "server/metrics/call_metrics.h"
#include "server/transport/first_messages.h"

namespace roberta::transport {

/// The methods of our own services and of health: "roberta.v1.Classifier/Classify".
std::vector<std::string> RpcMethods();
/// The served methods of all other services on the port.
std::vector<std::string> CompatibleRpcMethods();

/// The status codes that Classify calls of callers who may call end with.
std::vector<int> RpcCodes();

/// A call of that peer (grpc::ServerContextBase::peer) was cancelled by its client, well before its deadline.
using CountReset = std::function<void(std::string_view peer)>;

/// Makes an interceptor for each call that counts its start and its end, and has it in `first_messages` until its first
/// message. Both must outlive the server.
std::unique_ptr<grpc::experimental::ServerInterceptorFactoryInterface> MakeRpcCounter(metrics::RpcMetrics* metrics,
                                                                                      FirstMessages* first_messages,
                                                                                      CountReset count_reset);

}  // namespace roberta::transport
