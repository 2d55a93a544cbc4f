#pragma once

#include <grpcpp/alarm.h>
#include <grpcpp/grpcpp.h>

#include <algorithm>
#include <chrono>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "server/call/call.h"
#include "server/call/failure_reason.h"
#include "server/call/identity.h"
#include "server/transport/gate.h"
#include "server/transport/metadata.h"
#include "server/transport/unary_reactor.h"

namespace roberta::transport {

class OrderedStream;

/// The streams that are open. Any thread may call.
class OpenStreams {
 public:
  /// Ends all streams, and those that are opened from now on, once what they have read is answered.
  void Drain();

  /// Ends the streams whose client has taken no message since `start`, while one waits for it, with DEADLINE_EXCEEDED.
  void EndWritesSince(call::PhaseClock::Clock::time_point start);

 private:
  friend class OrderedStream;
  /// What outlives a stream, for those that may come too late to it.
  struct Link {
    std::mutex mutex;
    OrderedStream* stream;  ///< guarded by mutex; nullptr once the stream is gone
  };
  std::set<std::shared_ptr<Link>> links();
  void Add(const std::shared_ptr<Link>& link);
  void Remove(const std::shared_ptr<Link>& link);

  std::mutex mutex_;
  bool draining_ = false;  ///< guarded by mutex_, like `links_`
  std::set<std::shared_ptr<Link>> links_;
};

/// A stream in which every request has one response, in the order of the requests. Some requests are worked on at the
/// same time; beyond that nothing is read, so memory is bounded. The first response that is a failure ends the stream.
/// Owned by gRPC, which calls the methods whose names begin with On.
class OrderedStream : public grpc::ServerBidiReactor<grpc::ByteBuffer, grpc::ByteBuffer> {
 public:
  void OnReadDone(bool ok) final;
  void OnWriteDone(bool ok) final;
  void OnCancel() final;
  void OnDone() final;

 protected:
  /// One request with its response.
  class Exchange {
   public:
    virtual ~Exchange() = default;
    /// Reads the request. Respond must follow once, on any thread, perhaps before this returns.
    virtual void Start(const grpc::ByteBuffer& request) = 0;
    /// Nobody waits for the response any more. Any thread may call at any time, without the stream's mutex.
    virtual void Cancel() {}

   private:
    friend class OrderedStream;
    bool responded_ = false;  ///< guarded by the stream's mutex, like all below
    grpc::Status status_;
    grpc::ByteBuffer response_;
    size_t request_bytes_ = 0;
  };

  /// Sees whether the caller may call. `open` must outlive the server.
  OrderedStream(OpenStreams* open, const Gate& gate, grpc::CallbackServerContext* context);

  /// Reads the first request, or ends the stream if the caller may not call. To be called once, at last.
  void Open();
  const call::Head& head() const { return head_; }
  virtual std::shared_ptr<Exchange> MakeExchange() = 0;
  /// Hands over a response. The stream and the exchange may be gone when this returns.
  void Respond(Exchange* exchange, grpc::Status status, grpc::ByteBuffer response);

 private:
  friend class OpenStreams;
  using Lock = std::unique_lock<std::mutex>;

  void Drain(Lock lock);
  void Stop(grpc::Status status);
  void Step(Lock lock);

  OpenStreams* const open_;
  const Gate gate_;
  grpc::CallbackServerContext* const context_;
  call::Head head_;
  const absl::Status entered_;
  const std::shared_ptr<OpenStreams::Link> link_;
  grpc::ByteBuffer in_, out_;  ///< of the read and the write under way
  // All below are guarded by the mutex of link_.
  std::deque<std::shared_ptr<Exchange>> exchanges_;  ///< whose responses are not on their way yet
  size_t request_bytes_ = 0;                         ///< of these
  bool reading_ = false;
  bool writing_ = false;
  call::PhaseClock::Clock::time_point writing_since_;
  bool stopped_ = false;  ///< nothing more is read; the stream ends with `status_` when all is answered
  bool failed_ = false;   ///< nothing more is written
  bool finished_ = false;
  grpc::Status status_;
};

/// An OrderedStream whose requests are calls of a service, by copies of one translation (see translation.h). Where a
/// call is refused with a retry delay, the stream tries again after it, as a stream waits where others are refused.
template <typename Translation, typename Service>
class CallStream final : public OrderedStream {
 public:
  using Call = typename Translation::Call;
  using StartCall = void (Service::*)(std::shared_ptr<Call>);

  /// `service` must outlive the server.
  CallStream(OpenStreams* open, const Gate& gate, const Translation& translation, Service* service, StartCall start,
             grpc::CallbackServerContext* context)
      : OrderedStream(open, gate, context), translation_(translation), service_(service), start_(start) {
    Open();
  }

 private:
  class OneCall final : public Exchange {
   public:
    explicit OneCall(CallStream* stream) : stream_(stream) {}

    void Start(const grpc::ByteBuffer& request) override {
      request_ = request;  // shares the slices
      Try();
    }

    void Cancel() override {
      std::unique_lock lock(mutex_);
      cancelled_ = true;
      const std::shared_ptr<Call> call = call_;
      if (alarm_ != nullptr) alarm_->Cancel();
      lock.unlock();
      if (call != nullptr) call->Cancel();
    }

   private:
    void Try() {
      const auto call = std::make_shared<Call>(call::PhaseClock::Clock::now());
      static_cast<call::Head&>(*call) = stream_->head();
      call->done = [this](auto& outcome) { Ended(outcome); };
      translation_.emplace(stream_->translation_);
      call->outcome.status = ReadMessage(request_, translation_->request(call.get()));
      if (call->outcome.status.ok()) call->outcome.status = translation_->Begin(call.get());
      deadline_ = call->deadline = std::min(call->deadline, deadline_);
      {
        const std::lock_guard lock(mutex_);
        call->cancelled = cancelled_;
        call_ = call;
      }
      (stream_->service_->*stream_->start_)(call);
    }

    void Ended(service::Outcome<typename Call::Response>& outcome) {
      const auto delay = call::RetryDelayOf(outcome.status);
      if (delay && TryAgainAfter(*delay)) return;
      typename Translation::Response storage;
      const auto* translated = translation_->End(outcome, &storage);
      grpc::Status status = ToGrpcStatus(outcome.status, outcome.problems);
      grpc::ByteBuffer bytes;
      if (status.ok()) status = WriteMessage(*translated, &bytes);
      stream_->Respond(this, std::move(status), std::move(bytes));
    }

    bool TryAgainAfter(std::chrono::milliseconds delay) {
      const std::lock_guard lock(mutex_);
      if (cancelled_) return false;
      alarm_ = std::make_unique<grpc::Alarm>();
      // A cancelled call starts as well, and its outcome is the response.
      alarm_->Set(std::chrono::system_clock::now() + delay, [this](bool) { Try(); });
      return true;
    }

    CallStream* const stream_;
    grpc::ByteBuffer request_;
    std::optional<Translation> translation_;
    std::chrono::system_clock::time_point deadline_ = std::chrono::system_clock::time_point::max();
    std::mutex mutex_;
    bool cancelled_ = false;      ///< guarded by mutex_, like all below
    std::shared_ptr<Call> call_;  ///< the last one
    std::unique_ptr<grpc::Alarm> alarm_;
  };

  std::shared_ptr<Exchange> MakeExchange() override { return std::make_shared<OneCall>(this); }

  const Translation translation_;
  Service* const service_;
  const StartCall start_;
};

}  // namespace roberta::transport
