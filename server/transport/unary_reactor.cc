#include "server/transport/unary_reactor.h"

#include <grpcpp/impl/codegen/proto_utils.h>
#include <grpcpp/support/proto_buffer_reader.h>

#include "server/call/failure_reason.h"

namespace roberta::transport {

absl::Status ReadMessage(const grpc::ByteBuffer& bytes, google::protobuf::MessageLite* message) {
  if (!bytes.Valid())
    return call::MakeStatus(call::FailureReason::kCancelled, "the client cancelled the call before its message came");
  grpc::ByteBuffer buffer(bytes);  // shares the slices; reading empties it
  grpc::ProtoBufferReader reader(&buffer);
  if (reader.status().ok() && message->ParseFromZeroCopyStream(&reader)) return absl::OkStatus();
  message->Clear();
  return call::MakeStatus(call::FailureReason::kMalformedMessage, "the message is not what this method takes");
}

grpc::Status WriteMessage(const google::protobuf::MessageLite& message, grpc::ByteBuffer* bytes) {
  bool own_buffer = false;
  return grpc::SerializationTraits<google::protobuf::MessageLite>::Serialize(message, bytes, &own_buffer);
}

}  // namespace roberta::transport
