#include "server/transport/services.h"

#include <google/protobuf/message_lite.h>
#include <grpc/grpc.h>
#include <grpcpp/impl/codegen/proto_utils.h>
#include <grpcpp/support/proto_buffer_reader.h>

#include <memory>
#include <mutex>
#include <utility>

#include "absl/status/status.h"
#include "server/call/failure_reason.h"
#include "server/service/unary_call.h"
#include "server/transport/metadata.h"

namespace roberta::transport {

using grpc::ByteBuffer;
using grpc::CallbackServerContext;
using grpc::ServerUnaryReactor;
using service::ProfileAdministration;

namespace {

/// Parses a message from the wire. Failure reasons: kMalformedMessage; kCancelled if there is no message, since the
/// client cancelled before sending it. `*message` is then empty.
absl::Status ReadMessage(const ByteBuffer& bytes, google::protobuf::MessageLite* message) {
  if (!bytes.Valid())
    return call::MakeStatus(call::FailureReason::kCancelled, "the client cancelled the call before its message came");
  ByteBuffer buffer(bytes);  // shares the slices; reading empties it
  grpc::ProtoBufferReader reader(&buffer);
  if (reader.status().ok() && message->ParseFromZeroCopyStream(&reader)) return absl::OkStatus();
  message->Clear();
  return call::MakeStatus(call::FailureReason::kMalformedMessage, "the message is not what this method takes");
}

/// Serializes a message for the wire.
template <typename Message>
grpc::Status WriteMessage(const Message& message, ByteBuffer* bytes) {
  bool own_buffer = false;
  return grpc::SerializationTraits<Message>::Serialize(message, bytes, &own_buffer);
}

/// Carries one unary call between gRPC's callback API and the service; `Call` is a service::UnaryCall. Owned by gRPC.
/// gRPC's own DefaultReactor does not report that a call was cancelled.
template <typename Call>
class UnaryReactor final : public ServerUnaryReactor {
 public:
  UnaryReactor(CallbackServerContext* context, ByteBuffer* response)
      : context_(context), response_(response), call_(std::make_shared<Call>(call::PhaseClock::Clock::now())) {
    static_cast<call::Head&>(*call_) = ReadHead(context);
    call_->done = [this](service::Outcome<typename Call::Response>& outcome) { Complete(outcome); };
  }

  /// Reads the message and calls `(service->*start)(call)`. The reactor may be gone when this returns.
  template <typename Service>
  void Start(Service* service, void (Service::*start)(std::shared_ptr<Call>), const ByteBuffer& request) {
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

  CallbackServerContext* const context_;
  ByteBuffer* const response_;
  const std::shared_ptr<Call> call_;
};

/// Starts a unary call, see UnaryReactor::Start.
template <typename Call, typename Service>
ServerUnaryReactor* StartUnary(Service* service, void (Service::*start)(std::shared_ptr<Call>),
                               CallbackServerContext* context, const ByteBuffer& request, ByteBuffer* response) {
  auto* reactor = new UnaryReactor<Call>(context, response);
  reactor->Start(service, start, request);
  return reactor;
}

/// Carries one ClassifyStream call between gRPC's callback API and the service. Owned by gRPC.
class StreamReactor final : public grpc::ServerBidiReactor<ByteBuffer, ByteBuffer> {
 public:
  explicit StreamReactor(CallbackServerContext* context) : context_(context), link_(std::make_shared<Link>(this)) {}

  void Start(service::ClassifyStreams* streams) {
    stream_ = streams->Open(link_, ReadHead(context_));
    stream_->Start();
  }

  void OnReadDone(bool ok) override {
    if (!ok) return context_->IsCancelled() ? stream_->Cancel() : stream_->ReadsEnded();
    auto message = std::make_shared<internal::RawClassifyStreamRequest>();
    absl::Status read = ReadMessage(in_, message.get());
    in_.Clear();
    if (!read.ok()) return stream_->MessageRead(std::move(read));
    stream_->MessageRead(std::move(message));
  }
  void OnWriteDone(bool ok) override {
    if (!ok) stream_->Cancel();
    stream_->Written();
  }
  void OnCancel() override { stream_->Cancel(); }
  void OnDone() override { delete this; }

 private:
  /// The stream's reference to the reactor. Parts of the stream may outlive the call, and gRPC deletes the reactor when
  /// the call is finished and no other operation of it is under way.
  class Link final : public service::StreamTransport {
   public:
    explicit Link(StreamReactor* reactor) : reactor_(reactor) {}

    void Read() override {
      const std::lock_guard lock(mutex_);
      if (reactor_ != nullptr) reactor_->StartRead(&reactor_->in_);
    }
    void Write(const v1::ClassifyStreamResponse& response) override {
      ByteBuffer bytes;
      WriteMessage(response, &bytes);
      const std::lock_guard lock(mutex_);
      reactor_->out_.Swap(&bytes);
      reactor_->StartWrite(&reactor_->out_);
    }
    /// A write can only be ended with the call. TryCancel would do that, too, but its status is always CANCELLED.
    void Abort(const absl::Status& status) override {
      std::unique_lock lock(mutex_);
      if (reactor_ == nullptr) return;
      grpc_call* const call = reactor_->context_->c_call();
      grpc_call_ref(call);  // for when the reactor finishes
      lock.unlock();
      grpc_call_cancel_with_status(call, static_cast<grpc_status_code>(status.code()),
                                   std::string(status.message()).c_str(), nullptr);
      grpc_call_unref(call);
    }
    void Finish(const service::StreamOutcome& outcome) override {
      ByteBuffer bytes;
      if (outcome.last != nullptr) WriteMessage(*outcome.last, &bytes);
      grpc::Status status = ToGrpcStatus(outcome.status, outcome.problems);
      const std::lock_guard lock(mutex_);
      StreamReactor* const reactor = std::exchange(reactor_, nullptr);
      if (!outcome.profile_used.empty()) {
        reactor->context_->AddTrailingMetadata("x-profile-used", outcome.profile_used);
      }
      if (outcome.last == nullptr) return reactor->Finish(std::move(status));
      reactor->out_.Swap(&bytes);
      reactor->StartWriteAndFinish(&reactor->out_, grpc::WriteOptions(), std::move(status));
    }

   private:
    std::mutex mutex_;
    StreamReactor* reactor_;  ///< guarded by mutex_; nullptr once it is finished
  };

  CallbackServerContext* const context_;
  const std::shared_ptr<Link> link_;
  std::shared_ptr<service::ClassifyStream> stream_;
  ByteBuffer in_;
  ByteBuffer out_;
};

}  // namespace

ServerUnaryReactor* ClassifierService::Classify(CallbackServerContext* context, const ByteBuffer* request,
                                                ByteBuffer* response) {
  return StartUnary<service::ClassifyCall>(classification_, &service::Classification::Start, context, *request,
                                           response);
}

grpc::ServerBidiReactor<ByteBuffer, ByteBuffer>* ClassifierService::ClassifyStream(CallbackServerContext* context) {
  auto* reactor = new StreamReactor(context);
  reactor->Start(streams_);
  return reactor;
}

ServerUnaryReactor* ClassifierService::Compare(CallbackServerContext* context, const ByteBuffer* request,
                                               ByteBuffer* response) {
  return StartUnary<service::ComparisonCall>(comparison_, &service::Comparison::Start, context, *request, response);
}

ServerUnaryReactor* ProfilesService::ListProfiles(CallbackServerContext* context,
                                                  const v1::ListProfilesRequest* /*request*/,
                                                  v1::ListProfilesResponse* response) {
  *response = administration_->List(ReadHead(context));
  ServerUnaryReactor* reactor = context->DefaultReactor();
  reactor->Finish(grpc::Status::OK);
  return reactor;
}

ServerUnaryReactor* ProfilesService::LoadProfile(CallbackServerContext* context, const ByteBuffer* request,
                                                 ByteBuffer* response) {
  return StartUnary<service::LoadCall>(administration_, &ProfileAdministration::Load, context, *request, response);
}

ServerUnaryReactor* ProfilesService::UnloadProfile(CallbackServerContext* context, const ByteBuffer* request,
                                                   ByteBuffer* response) {
  return StartUnary<service::UnloadCall>(administration_, &ProfileAdministration::Unload, context, *request, response);
}

ServerUnaryReactor* ProfilesService::SetDefaultProfile(CallbackServerContext* context, const ByteBuffer* request,
                                                       ByteBuffer* response) {
  return StartUnary<service::SetDefaultCall>(administration_, &ProfileAdministration::SetDefault, context, *request,
                                             response);
}

}  // namespace roberta::transport
