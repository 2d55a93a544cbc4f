#pragma once

#include <google/protobuf/message_lite.h>
#include <grpcpp/grpcpp.h>
#include <grpcpp/impl/codegen/proto_utils.h>
#include <grpcpp/support/proto_buffer_reader.h>

#include "absl/status/status.h"
#include "server/call/failure_reason.h"

namespace roberta::transport {

/// Parses a message from the wire. Failure reasons: kMalformedMessage; kCancelled if there is no message, since the
/// client cancelled before sending it. `*message` is then empty.
inline absl::Status ReadMessage(const grpc::ByteBuffer& bytes, google::protobuf::MessageLite* message) {
  if (!bytes.Valid())
    return call::MakeStatus(call::FailureReason::kCancelled, "the client cancelled the call before its message came");
  grpc::ByteBuffer buffer(bytes);  // shares the slices; reading empties it
  grpc::ProtoBufferReader reader(&buffer);
  if (reader.status().ok() && message->ParseFromZeroCopyStream(&reader)) return absl::OkStatus();
  message->Clear();
  return call::MakeStatus(call::FailureReason::kMalformedMessage, "the message is not what this method takes");
}

/// Serializes a message for the wire.
template <typename Message>
grpc::Status WriteMessage(const Message& message, grpc::ByteBuffer* bytes) {
  bool own_buffer = false;
  return grpc::SerializationTraits<Message>::Serialize(message, bytes, &own_buffer);
}

}  // namespace roberta::transport
