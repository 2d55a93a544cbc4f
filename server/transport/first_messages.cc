#include "server/transport/first_messages.h"

#include <grpcpp/impl/codegen/server_callback_handlers.h>
#include <grpcpp/support/server_callback.h>

#include <atomic>
#include <utility>

namespace roberta::transport {
namespace {

using grpc::ByteBuffer;

/// Reads the message, starts the call and finishes it as the reactor of the call wants. Owned by gRPC.
class UnaryOverStream final : public grpc::ServerBidiReactor<ByteBuffer, ByteBuffer> {
 public:
  UnaryOverStream(const StartUnaryCall* start, grpc::CallbackServerContext* context)
      : start_(start), context_(context), call_(this) {
    StartRead(&request_);
  }

  void OnReadDone(bool ok) override {
    if (!ok) request_.Clear();
    grpc::ServerUnaryReactor* const unary = (*start_)(context_, &request_, &response_);
    call_.Bind(unary);
    unary_ = unary;
    if (phase_.fetch_add(1) == kOtherCame) unary->OnCancel();
  }
  /// The reactor may not be there yet; the later one of the two tells it.
  void OnCancel() override {
    if (phase_.fetch_add(1) == kOtherCame) unary_->OnCancel();
  }
  void OnDone() override {
    unary_->OnDone();
    delete this;
  }

 private:
  static constexpr int kOtherCame = 1;

  /// What the reactor of the call takes for gRPC.
  class Call final : public grpc::ServerCallbackUnary {
   public:
    explicit Call(UnaryOverStream* stream) : stream_(stream) {}
    void Bind(grpc::ServerUnaryReactor* unary) { BindReactor(unary); }
    void Finish(grpc::Status status) override {
      if (!status.ok()) return stream_->Finish(std::move(status));
      stream_->StartWriteAndFinish(&stream_->response_, grpc::WriteOptions(), std::move(status));
    }
    void SendInitialMetadata() override { stream_->StartSendInitialMetadata(); }

   private:
    grpc::internal::ServerReactor* reactor() override { return stream_; }
    void CallOnDone() override {}

    UnaryOverStream* const stream_;
  };

  const StartUnaryCall* const start_;
  grpc::CallbackServerContext* const context_;
  ByteBuffer request_;
  ByteBuffer response_;
  Call call_;
  grpc::ServerUnaryReactor* unary_ = nullptr;
  std::atomic<int> phase_{0};  ///< how many of these have come: the reactor, the end by the client
};

}  // namespace

FirstMessages::FirstMessages() {
  end_.before_ = end_.after_ = &end_;
}

void FirstMessages::Began(Waiting* call) {
  call->since_ = Clock::now();
  const std::lock_guard lock(mutex_);
  call->before_ = end_.before_;
  call->after_ = &end_;
  end_.before_->after_ = call;
  end_.before_ = call;
}

void FirstMessages::Ended(Waiting* call) {
  const std::lock_guard lock(mutex_);
  if (call->after_ != nullptr) Remove(call);
}

size_t FirstMessages::EndSince(Clock::time_point time) {
  size_t ended = 0;
  while (true) {
    std::unique_lock lock(mutex_);
    Waiting* const oldest = end_.after_;
    if (oldest == &end_ || oldest->since_ > time) return ended;
    Remove(oldest);
    const std::function<void()> end = oldest->TimedOut();
    lock.unlock();
    end();
    ++ended;
  }
}

void FirstMessages::Remove(Waiting* call) {
  call->before_->after_ = call->after_;
  call->after_->before_ = call->before_;
  call->after_ = nullptr;
}

grpc::internal::MethodHandler* HandleUnary(StartUnaryCall start) {
  auto shared = std::make_shared<const StartUnaryCall>(std::move(start));
  return new grpc::internal::CallbackBidiHandler<ByteBuffer, ByteBuffer>(
      [shared](grpc::CallbackServerContext* context) { return new UnaryOverStream(shared.get(), context); });
}

}  // namespace roberta::transport
