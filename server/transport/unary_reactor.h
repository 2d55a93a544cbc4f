#pragma once

#include <google/protobuf/message_lite.h>
#include <grpcpp/grpcpp.h>

#include <memory>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/call/call.h"
#include "server/service/unary_call.h"
#include "server/transport/gate.h"
#include "server/transport/load_reports.h"
#include "server/transport/metadata.h"
#include "server/transport/translation.h"

// Unary calls between gRPC's callback API and the service. Requests and responses are read and written here, as bytes.
namespace roberta::transport {

/// Parses a message from the wire. Failure reasons: kMalformedMessage; kCancelled if there is no message, since the
/// client cancelled before sending it. `*message` is then empty.
absl::Status ReadMessage(const grpc::ByteBuffer& bytes, google::protobuf::MessageLite* message);

/// Serializes a message for the wire. INTERNAL if it is larger than a message can be.
grpc::Status WriteMessage(const google::protobuf::MessageLite& message, grpc::ByteBuffer* bytes);

/// Carries one unary call; `Translation` is one of translation.h. Owned by gRPC, whose own DefaultReactor does not
/// report that a call was cancelled.
template <typename Translation>
class UnaryReactor final : public grpc::ServerUnaryReactor {
 public:
  using Call = typename Translation::Call;

  UnaryReactor(const Gate& gate, grpc::CallbackServerContext* context, grpc::ByteBuffer* response,
               Translation translation)
      : gate_(gate),
        context_(context),
        response_(response),
        translation_(std::move(translation)),
        call_(std::make_shared<Call>(call::PhaseClock::Clock::now())) {
    call_->outcome.status = Enter(gate, context, call_.get());
    call_->done = [this](service::Outcome<typename Call::Response>& outcome) { Complete(outcome); };
  }

  /// Reads the message, unless the caller may not make the call, and calls `(service->*start)(call)`. The reactor may
  /// be gone when this returns.
  template <typename Service>
  void Start(Service* service, void (Service::*start)(std::shared_ptr<Call>), const grpc::ByteBuffer& request) {
    if (call_->outcome.status.ok()) {
      call_->outcome.status = ReadMessage(request, translation_.request(call_.get()));
    }
    const_cast<grpc::ByteBuffer&>(request).Clear();  // gRPC's own, which it would keep with all that came with it
    if (call_->outcome.status.ok()) call_->outcome.status = translation_.Begin(call_.get());
    (service->*start)(call_);
  }

  void OnCancel() override { call_->Cancel(); }
  void OnDone() override { delete this; }
  /// Its reactions are short and never wait, so gRPC need not wake another thread to run them.
  bool InternalInlineable() override { return true; }

 private:
  void Complete(service::Outcome<typename Call::Response>& outcome) {
    AddTrailers(*call_, context_);
    AddLoadReport(gate_, outcome.status, context_);
    typename Translation::Response storage;
    const auto* translated = translation_.End(outcome, &storage);
    grpc::Status status = ToGrpcStatus(outcome.status, outcome.problems);
    if (status.ok()) status = WriteMessage(*translated, response_);
    FinishWhenDue(gate_, outcome.status, context_, [this, status = std::move(status)] { Finish(status); });
  }

  const Gate gate_;
  grpc::CallbackServerContext* const context_;
  grpc::ByteBuffer* const response_;
  Translation translation_;
  const std::shared_ptr<Call> call_;
};

/// Starts a unary call, see UnaryReactor::Start.
template <typename Translation, typename Service>
grpc::ServerUnaryReactor* StartTranslated(const Gate& gate, Translation translation, Service* service,
                                          void (Service::*start)(std::shared_ptr<typename Translation::Call>),
                                          grpc::CallbackServerContext* context, const grpc::ByteBuffer& request,
                                          grpc::ByteBuffer* response) {
  auto* reactor = new UnaryReactor<Translation>(gate, context, response, std::move(translation));
  reactor->Start(service, start, request);
  return reactor;
}

template <typename Call, typename Service>
grpc::ServerUnaryReactor* StartUnary(const Gate& gate, Service* service, void (Service::*start)(std::shared_ptr<Call>),
                                     grpc::CallbackServerContext* context, const grpc::ByteBuffer& request,
                                     grpc::ByteBuffer* response) {
  return StartTranslated(gate, Direct<Call>(), service, start, context, request, response);
}

/// Answers a call at once: `answer` makes an absl::StatusOr of the response message.
template <typename Request, typename Answer>
grpc::ServerUnaryReactor* AnswerAtOnce(const Gate& gate, grpc::CallbackServerContext* context,
                                       const grpc::ByteBuffer& bytes, grpc::ByteBuffer* response,
                                       const Answer& answer) {
  grpc::ServerUnaryReactor* reactor = context->DefaultReactor();
  call::Head head;
  Request request;
  absl::Status read = Enter(gate, context, &head);
  if (read.ok()) read = ReadMessage(bytes, &request);
  const auto answered = read.ok() ? answer(request) : decltype(answer(request))(std::move(read));
  const grpc::Status status = answered.ok() ? WriteMessage(*answered, response) : ToGrpcStatus(answered.status(), {});
  FinishWhenDue(gate, answered.status(), context, [reactor, status] { reactor->Finish(status); });
  return reactor;
}

}  // namespace roberta::transport
