#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "client/credentials.h"
#include "roberta/v1/classifier.pb.h"

namespace roberta::client {

struct DirectOptions {
  /// As ClientOptions have it.
  std::string address = "127.0.0.1:8001";
  /// Connections of its own, over which calls are spread in turn. A server limits the calls in flight on one connection
  /// (limits.max_concurrent_streams); calls beyond that wait here, where no statistics count the wait.
  int connections = 1;
  int max_response_bytes = 256 << 20;
  Credentials credentials = {};
};

/// What came of a call.
struct Answer {
  absl::Status status;            ///< the server's, or that of a connection that failed
  v1::ClassifyResponse response;  ///< if `status` is OK
  std::optional<std::chrono::milliseconds>
      pushback;                                    ///< how long the server asks callers to wait before they try again
  std::chrono::steady_clock::time_point received;  ///< before it was parsed
};

/// A call in flight. May be copied, and may outlive its call and its client.
class CallHandle {
 public:
  /// Ends the call, which then returns Cancelled unless it has its answer already. Any thread.
  void Cancel() const;

  struct State;
  explicit CallHandle(std::shared_ptr<State> state) : state_(std::move(state)) {}

 private:
  std::shared_ptr<State> state_;
};

/// Sends Classify calls as they are given, without retries and without waiting, to measure or test a server: every call
/// is one attempt and has one answer. Any number of threads may call. Applications should use Client.
class DirectClient {
 public:
  /// Connects at the first calls, not here.
  explicit DirectClient(const DirectOptions& options);
  /// Waits until the `done` of every call has run.
  ~DirectClient();
  DirectClient(const DirectClient&) = delete;
  DirectClient& operator=(const DirectClient&) = delete;

  /// Connects all connections, as far as that is possible within `timeout`. Unavailable if one of them could not be.
  absl::Status Connect(std::chrono::milliseconds timeout);

  /// `request`: a ClassifyRequest in wire format, or any other bytes. `done` runs once, on a thread of gRPC's, or
  /// on this one if `timeout` is not positive (DeadlineExceeded, nothing is sent). It must return soon.
  using Done = absl::AnyInvocable<void(Answer)>;
  CallHandle Start(std::string_view request, std::chrono::nanoseconds timeout, Done done);

 private:
  struct Connections;
  const std::unique_ptr<Connections> connections_;
};

}  // namespace roberta::client
