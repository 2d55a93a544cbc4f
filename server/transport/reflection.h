#pragma once

#include "grpc/reflection/v1/reflection.pb.h"
#include "server/transport/ordered_stream.h"
#include "server/transport/raw_service.h"

namespace roberta::transport {

/// The answer to a question about the services on the port: of descriptors it knows those of their files and of what
/// these import, and nothing else that the program has. The messages of v1alpha are the same.
grpc::reflection::v1::ServerReflectionResponse Reflect(const grpc::reflection::v1::ServerReflectionRequest& request);

/// grpc.reflection.v1 and v1alpha.
class ReflectionService final : public RawService {
 public:
  /// Both must outlive the server that this is registered with.
  ReflectionService(OpenStreams* open, const security::Guard* guard);
};

}  // namespace roberta::transport
