#pragma once

#include <grpcpp/grpcpp.h>

#include "server/service/stream_core.h"

namespace roberta::service {

/// Carries one ClassifyStream call between gRPC's callback API and the core. Owned by gRPC.
grpc::ServerBidiReactor<grpc::ByteBuffer, grpc::ByteBuffer>* StartStreamReactor(StreamCore* core,
                                                                                grpc::CallbackServerContext* context);

}  // namespace roberta::service
