#pragma once

#include <google/protobuf/message_lite.h>
#include <grpcpp/grpcpp.h>
#include <grpcpp/impl/codegen/proto_utils.h>
#include <grpcpp/support/proto_buffer_reader.h>

#include <memory>
#include <utility>

#include "absl/status/status.h"
#include "server/call/failure_reason.h"
#include "server/service/classify_stream.h"
#include "server/service/unary_call.h"
#include "server/transport/grpc_status.h"
#include "server/transport/metadata.h"

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

/// Carries one unary call between gRPC's callback API and the service; `Call` is a service::UnaryCall. Owned by gRPC.
/// gRPC's own DefaultReactor does not report that a call was cancelled.
template <typename Call>
class UnaryReactor final : public grpc::ServerUnaryReactor {
 public:
  UnaryReactor(grpc::CallbackServerContext* context, grpc::ByteBuffer* response)
      : context_(context), response_(response), call_(std::make_shared<Call>(call::PhaseClock::Clock::now())) {
    static_cast<call::Head&>(*call_) = ReadHead(context);
    call_->done = [this](service::Outcome<typename Call::Response>& outcome) { Complete(outcome); };
  }

  /// Reads the message and calls `(service->*start)(call)`. The reactor may be gone when this returns.
  template <typename Service>
  void Start(Service* service, void (Service::*start)(std::shared_ptr<Call>), const grpc::ByteBuffer& request) {
    call_->outcome.status = ReadMessage(request, &call_->request);
    (service->*start)(call_);
  }

  void OnCancel() override { call_->cancelled.store(true, std::memory_order_relaxed); }
  void OnDone() override { delete this; }

 private:
  void Complete(service::Outcome<typename Call::Response>& outcome) {
    AddTrailers(*call_, context_);
    grpc::Status status = ToGrpcStatus(outcome.status, outcome.problems);
    if (status.ok()) status = WriteMessage(outcome.response, response_);
    Finish(std::move(status));
  }

  grpc::CallbackServerContext* const context_;
  grpc::ByteBuffer* const response_;
  const std::shared_ptr<Call> call_;
};

/// Starts a unary call, see UnaryReactor::Start.
template <typename Call, typename Service>
grpc::ServerUnaryReactor* StartUnary(Service* service, void (Service::*start)(std::shared_ptr<Call>),
                                     grpc::CallbackServerContext* context, const grpc::ByteBuffer& request,
                                     grpc::ByteBuffer* response) {
  auto* reactor = new UnaryReactor<Call>(context, response);
  reactor->Start(service, start, request);
  return reactor;
}

/// Carries one ClassifyStream call between gRPC's callback API and the service. Owned by gRPC.
grpc::ServerBidiReactor<grpc::ByteBuffer, grpc::ByteBuffer>* StartStreamReactor(service::ClassifyStreams* streams,
                                                                                grpc::CallbackServerContext* context);

}  // namespace roberta::transport
