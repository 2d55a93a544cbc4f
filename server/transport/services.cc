#include "server/transport/services.h"

#include <grpc/grpc.h>

#include <memory>
#include <mutex>
#include <utility>

#include "absl/status/status.h"
#include "server/transport/gate.h"
#include "server/transport/load_reports.h"
#include "server/transport/metadata.h"
#include "server/transport/unary_reactor.h"

namespace roberta::transport {

using call::Method;
using grpc::ByteBuffer;
using grpc::CallbackServerContext;
using grpc::ServerUnaryReactor;
using service::ProfileAdministration;

namespace {

/// Carries one ClassifyStream call between gRPC's callback API and the service. Owned by gRPC.
class StreamReactor final : public grpc::ServerBidiReactor<ByteBuffer, ByteBuffer> {
 public:
  StreamReactor(const Gate& gate, CallbackServerContext* context)
      : gate_(gate), context_(context), link_(std::make_shared<Link>(this)) {}

  void Start(service::ClassifyStreams* streams) {
    call::Head head;
    const absl::Status entered = Enter(gate_, context_, &head);
    stream_ = streams->Open(link_, std::move(head));
    if (!entered.ok()) return stream_->MessageRead(entered);
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
    /// A write can only be ended with the call.
    void Abort(const absl::Status& status) override {
      std::unique_lock lock(mutex_);
      if (reactor_ == nullptr) return;
      const std::function<void()> end = EndingOf(reactor_->context_->c_call(), status);
      lock.unlock();
      end();
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
      AddLoadReport(reactor->gate_, outcome.status, reactor->context_);
      if (outcome.last == nullptr) return reactor->Finish(std::move(status));
      reactor->out_.Swap(&bytes);
      FinishWhenDue(reactor->gate_, outcome.status, reactor->context_, [reactor, status = std::move(status)] {
        reactor->StartWriteAndFinish(&reactor->out_, grpc::WriteOptions(), status);
      });
    }

   private:
    std::mutex mutex_;
    StreamReactor* reactor_;  ///< guarded by mutex_; nullptr once it is finished
  };

  const Gate gate_;
  CallbackServerContext* const context_;
  const std::shared_ptr<Link> link_;
  std::shared_ptr<service::ClassifyStream> stream_;
  ByteBuffer in_;
  ByteBuffer out_;
};

/// Of one of our own methods.
Gate GateOf(const security::Guard* guard, call::Method method, const LoadReports* load = nullptr) {
  return {guard, call::RowOf(method).role, load};
}

}  // namespace

ServerUnaryReactor* ClassifierService::Classify(CallbackServerContext* context, const ByteBuffer* request,
                                                ByteBuffer* response) {
  return StartUnary<service::ClassifyCall>(GateOf(guard_, Method::kClassify, load_), classification_,
                                           &service::Classification::Start, context, *request, response);
}

grpc::ServerBidiReactor<ByteBuffer, ByteBuffer>* ClassifierService::ClassifyStream(CallbackServerContext* context) {
  auto* reactor = new StreamReactor(GateOf(guard_, Method::kClassifyStream, load_), context);
  reactor->Start(streams_);
  return reactor;
}

ServerUnaryReactor* ClassifierService::Compare(CallbackServerContext* context, const ByteBuffer* request,
                                               ByteBuffer* response) {
  return StartUnary<service::ComparisonCall>(GateOf(guard_, Method::kCompare, load_), comparison_,
                                             &service::Comparison::Start, context, *request, response);
}

ServerUnaryReactor* ProfilesService::ListProfiles(CallbackServerContext* context, const ByteBuffer* request,
                                                  ByteBuffer* response) {
  const Gate gate = GateOf(guard_, Method::kListProfiles);
  call::Head head;
  v1::ListProfilesRequest message;
  absl::Status entered = Enter(gate, context, &head);
  if (entered.ok()) entered = ReadMessage(*request, &message);
  const auto list = administration_->List(entered, head);
  ServerUnaryReactor* reactor = context->DefaultReactor();
  FinishWhenDue(gate, list.status(), context,
                [reactor, status = list.ok() ? WriteMessage(*list, response) : ToGrpcStatus(list.status(), {})] {
                  reactor->Finish(status);
                });
  return reactor;
}

ServerUnaryReactor* ProfilesService::LoadProfile(CallbackServerContext* context, const ByteBuffer* request,
                                                 ByteBuffer* response) {
  return StartUnary<service::LoadCall>(GateOf(guard_, Method::kLoadProfile), administration_,
                                       &ProfileAdministration::Load, context, *request, response);
}

ServerUnaryReactor* ProfilesService::UnloadProfile(CallbackServerContext* context, const ByteBuffer* request,
                                                   ByteBuffer* response) {
  return StartUnary<service::UnloadCall>(GateOf(guard_, Method::kUnloadProfile), administration_,
                                         &ProfileAdministration::Unload, context, *request, response);
}

ServerUnaryReactor* ProfilesService::SetDefaultProfile(CallbackServerContext* context, const ByteBuffer* request,
                                                       ByteBuffer* response) {
  return StartUnary<service::SetDefaultCall>(GateOf(guard_, Method::kSetDefaultProfile), administration_,
                                             &ProfileAdministration::SetDefault, context, *request, response);
}

}  // namespace roberta::transport
