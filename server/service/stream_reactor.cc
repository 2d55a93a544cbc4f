#include "server/service/stream_reactor.h"

#include <memory>
#include <mutex>
#include <string>
#include <utility>

#include "server/service/call_metadata.h"
#include "server/service/grpc_status.h"
#include "server/service/raw_message.h"

namespace roberta::service {

namespace {

class StreamReactor final : public grpc::ServerBidiReactor<grpc::ByteBuffer, grpc::ByteBuffer> {
 public:
  explicit StreamReactor(grpc::CallbackServerContext* context)
      : context_(context), link_(std::make_shared<Link>(this)) {}

  void Start(StreamCore* core) {
    stream_ = core->Open(link_, {.identity = Identify(context_),
                                 .metadata_profile = ProfileOfMetadata(*context_),
                                 .deadline = context_->deadline()});
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
  /// What the stream holds of the reactor. Its parts may outlive the call, and gRPC deletes the reactor when the call
  /// is finished and nothing else is under way on it.
  class Link final : public StreamTransport {
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
    void Finish(const StreamOutcome& outcome) override {
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
  std::shared_ptr<ClassifyStream> stream_;
  grpc::ByteBuffer in_;
  grpc::ByteBuffer out_;
};

}  // namespace

grpc::ServerBidiReactor<grpc::ByteBuffer, grpc::ByteBuffer>* StartStreamReactor(StreamCore* core,
                                                                                grpc::CallbackServerContext* context) {
  auto* reactor = new StreamReactor(context);
  reactor->Start(core);
  return reactor;
}

}  // namespace roberta::service
