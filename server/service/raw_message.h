#pragma once

#include <google/protobuf/message_lite.h>
#include <grpcpp/grpcpp.h>
#include <grpcpp/impl/codegen/proto_utils.h>
#include <grpcpp/support/proto_buffer_reader.h>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/service/grpc_status.h"
#include "server/service/situations.h"

namespace roberta::service {

/// Reads a message as it came over the wire. Situations: kMalformedMessage, and kCancelled where none came, since the
/// client gave the call up before; `*message` is then empty.
inline absl::Status ReadMessage(const grpc::ByteBuffer& bytes, google::protobuf::MessageLite* message) {
  if (!bytes.Valid()) return MakeStatus(Situation::kCancelled, "the client cancelled the call before its message came");
  grpc::ByteBuffer buffer(bytes);  // shares the slices; deserialising empties it
  grpc::ProtoBufferReader reader(&buffer);
  if (reader.status().ok() && message->ParseFromZeroCopyStream(&reader)) return absl::OkStatus();
  message->Clear();
  return MakeStatus(Situation::kMalformedMessage, "the message is not what this method takes");
}

/// Writes a message for the wire.
template <typename Message>
grpc::Status WriteMessage(const Message& message, grpc::ByteBuffer* bytes) {
  bool own_buffer = false;
  return grpc::SerializationTraits<Message>::Serialize(message, bytes, &own_buffer);
}

/// Ends a call with a response or with the status that keeps it from one.
template <typename Message>
void FinishWith(const absl::StatusOr<Message>& response, grpc::ByteBuffer* bytes, grpc::ServerUnaryReactor* reactor) {
  reactor->Finish(response.ok() ? WriteMessage(*response, bytes) : ToGrpcStatus(response.status(), {}));
}

}  // namespace roberta::service
