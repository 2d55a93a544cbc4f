#include "server/transport/reactors.h"

#include <memory>
#include <mutex>
#include <string>
#include <utility>

#include "server/transport/grpc_status.h"
#include "server/transport/metadata.h"

namespace roberta::transport {
namespace {

class StreamReactor final : public grpc::ServerBidiReactor<grpc::ByteBuffer, grpc::ByteBuffer> {
 public:
  explicit StreamReactor(grpc::CallbackServerContext* context)
      : context_(context), link_(std::make_shared<Link>(this)) {}

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
      grpc::ByteBuffer bytes;
      WriteMessage(response, &bytes);
      const std::lock_guard lock(mutex_);
      reactor_->out_.Swap(&bytes);
      reactor_->StartWrite(&reactor_->out_);
    }
    void Finish(const service::StreamOutcome& outcome) override {
      grpc::ByteBuffer bytes;
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

  grpc::CallbackServerContext* const context_;
  const std::shared_ptr<Link> link_;
  std::shared_ptr<service::ClassifyStream> stream_;
  grpc::ByteBuffer in_;
  grpc::ByteBuffer out_;
};

}  // namespace

grpc::ServerBidiReactor<grpc::ByteBuffer, grpc::ByteBuffer>* StartStreamReactor(service::ClassifyStreams* streams,
                                                                                grpc::CallbackServerContext* context) {
  auto* reactor = new StreamReactor(context);
  reactor->Start(streams);
  return reactor;
}

}  // namespace roberta::transport
