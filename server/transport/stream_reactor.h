#pragma once

#include <grpcpp/grpcpp.h>

#include "server/service/classify_stream.h"

namespace roberta::transport {

/// Carries one ClassifyStream call between gRPC's callback API and the service. Owned by gRPC.
grpc::ServerBidiReactor<grpc::ByteBuffer, grpc::ByteBuffer>* StartStreamReactor(service::ClassifyStreams* streams,
                                                                                grpc::CallbackServerContext* context);

}  // namespace roberta::transport
