#pragma once

#include <grpcpp/grpcpp.h>
#include <grpcpp/impl/rpc_service_method.h>

#include <chrono>
#include <functional>
#include <mutex>

namespace roberta::transport {

/// The calls whose message has not come yet. Any thread may call.
class FirstMessages {
 public:
  using Clock = std::chrono::steady_clock;

  /// A place in the list; a call is in it for microseconds, so nothing is allocated for that.
  class Waiting {
   public:
    virtual ~Waiting() = default;
    /// The message did not come in time. Runs under the list's lock, while the call is surely there, and returns what
    /// ends the call, which runs without the lock, when the call may be over.
    virtual std::function<void()> TimedOut() = 0;

   private:
    friend class FirstMessages;
    Clock::time_point since_;
    Waiting* before_ = nullptr;
    Waiting* after_ = nullptr;  ///< nullptr: it is not in the list
  };

  FirstMessages();

  void Began(Waiting* call);
  /// The message has come, or the call is over. May be said more than once.
  void Ended(Waiting* call);
  /// Ends those that have waited since `time` or longer, and returns how many.
  size_t EndSince(Clock::time_point time);

 private:
  static void Remove(Waiting* call);

  struct End final : Waiting {
    std::function<void()> TimedOut() override { return {}; }
  };
  std::mutex mutex_;
  End end_;  ///< guarded by mutex_; the list is a ring, oldest first
};

using StartUnaryCall = std::function<grpc::ServerUnaryReactor*(
    grpc::CallbackServerContext* context, const grpc::ByteBuffer* request, grpc::ByteBuffer* response)>;

/// Handles a unary method as a stream of one message each way, which is the same on the wire. gRPC reads the message of
/// a unary method before it tells anybody of the call, so that nobody could end one whose message never comes. `start`
/// is called when the message has come, or with a buffer that is not valid if the call has ended without one, and makes
/// the reactor, as for a unary method. For grpc::Service::MarkMethodStreamed.
grpc::internal::MethodHandler* HandleUnary(StartUnaryCall start);

}  // namespace roberta::transport
