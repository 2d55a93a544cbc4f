#include "client/stream_reactor.h"

#include <condition_variable>
#include <mutex>
#include <utility>

namespace roberta::client {
namespace {

class StreamReactor final : public ClassifyStream,
                            public grpc::ClientBidiReactor<v1::ClassifyStreamRequest, v1::ClassifyStreamResponse> {
 public:
  StreamReactor(StreamEvents events, StatusReader read_status, std::function<void(grpc::ClientContext*)> release)
      : events_(std::move(events)), read_status_(read_status), release_(std::move(release)) {}

  ~StreamReactor() override {
    Cancel();
    std::unique_lock lock(mutex_);
    done_.wait(lock, [this] { return is_done_; });
  }

  void Start(v1::Classifier::Stub* stub, const std::function<void(grpc::ClientContext*)>& prepare) {
    prepare(&context_);
    stub->async()->ClassifyStream(&context_, this);
    AddHold();  // for Write and CloseWrites, which are called from outside; until writes are closed
    StartRead(&response_);
    StartCall();
  }

  bool Write(v1::ClassifyStreamRequest& request) override {
    const std::lock_guard lock(mutex_);
    if (writing_ || writes_closed_) return false;
    writing_ = true;
    request_.Swap(&request);
    StartWrite(&request_);
    return true;
  }

  void CloseWrites() override {
    {
      const std::lock_guard lock(mutex_);
      if (std::exchange(writes_closed_, true)) return;
      if (!writing_) StartWritesDone();
    }
    RemoveHold();
  }

  void Cancel() override { context_.TryCancel(); }

  void OnReadDone(bool ok) override {
    if (!ok) return ForbidWrites();
    events_.on_response(std::exchange(response_, {}));
    StartRead(&response_);
  }

  void OnWriteDone(bool ok) override {
    {
      const std::lock_guard lock(mutex_);
      writing_ = false;
      if (ok && writes_closed_) return StartWritesDone();
    }
    if (!ok) return ForbidWrites();
    events_.on_writable();
  }

  void OnDone(const grpc::Status& status) override {
    events_.on_end(read_status_(status, context_));
    release_(&context_);
    // Notified under the lock: the destructor may go on as soon as it wakes.
    const std::lock_guard lock(mutex_);
    is_done_ = true;
    done_.notify_all();
  }

 private:
  /// The call has ended, even if some of its events are still to come.
  void ForbidWrites() {
    {
      const std::lock_guard lock(mutex_);
      if (std::exchange(writes_closed_, true)) return;
    }
    RemoveHold();
  }

  StreamEvents events_;
  const StatusReader read_status_;
  const std::function<void(grpc::ClientContext*)> release_;
  grpc::ClientContext context_;
  v1::ClassifyStreamRequest request_;    ///< being sent
  v1::ClassifyStreamResponse response_;  ///< being read
  std::mutex mutex_;
  std::condition_variable done_;
  // All below are guarded by mutex_.
  bool writing_ = false;
  bool writes_closed_ = false;
  bool is_done_ = false;
};

}  // namespace

std::unique_ptr<ClassifyStream> StartStreamReactor(v1::Classifier::Stub* stub, StreamEvents events,
                                                   StatusReader read_status,
                                                   const std::function<void(grpc::ClientContext*)>& prepare,
                                                   std::function<void(grpc::ClientContext*)> release) {
  auto reactor = std::make_unique<StreamReactor>(std::move(events), read_status, std::move(release));
  reactor->Start(stub, prepare);
  return reactor;
}

}  // namespace roberta::client
