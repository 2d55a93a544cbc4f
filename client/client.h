#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "client/credentials.h"
#include "roberta/v1/classifier.pb.h"
#include "roberta/v1/profiles.pb.h"

namespace roberta::client {

struct ClientOptions {
  /// As gRPC takes it: "host:port", "unix:/path", "dns:///name:port".
  std::string address = "127.0.0.1:8001";
  /// Largest response that is accepted.
  int max_response_bytes = 256 << 20;
  Credentials credentials = {};
};

/// How long a call may take, retries included. Every call has one: without a deadline, a caller waits forever for a
/// server that is gone.
using Timeout = std::chrono::milliseconds;

/// As grpc.health.v1 has them, with its numbers.
enum class Health { kUnknown, kServing, kNotServing, kServiceUnknown };
std::string_view HealthName(Health health);  ///< "SERVING", ...

/// A part of a request that the server refused, from the google.rpc.BadRequest detail.
struct FieldViolation {
  std::string field;        ///< "items[3].text"
  std::string description;  ///< why
};

/// Callbacks of a stream, which run on a thread of gRPC's. They must return soon, and must not destroy the stream or
/// its client.
struct StreamEvents {
  /// Some results, in any order; each has the number of its item, in the order of sending and from 0. Nothing more is
  /// read before this returns.
  absl::AnyInvocable<void(v1::ClassifyStreamResponse)> on_response;
  /// The last message that Write took was sent; it takes the next one now. May come while on_response runs.
  absl::AnyInvocable<void()> on_writable;
  /// The last event, which comes exactly once. Items that have no result by then will not get one: a server that stops
  /// answers the items that it has taken in, says how many these were in the last response (`end`), and ends the stream
  /// with Unavailable.
  absl::AnyInvocable<void(const absl::Status&)> on_end;
};

/// A ClassifyStream call in flight; made by Client::StartClassifyStream. Any thread may call. Bounded on both sides:
/// at most one message waits here to be sent, and the server takes no more than it is willing to hold. A caller has to
/// wait for on_writable, and to bound the unanswered items that it keeps.
class ClassifyStream {
 public:
  virtual ~ClassifyStream() = default;  ///< cancels the call, unless it has ended, and waits for on_end

  /// Sends a message, or returns false at once and leaves it as it is: another one is being sent (on_writable will
  /// follow), or the call has ended or was closed.
  virtual bool Write(v1::ClassifyStreamRequest& request) = 0;
  /// No more messages will be written. The server answers what it has and ends the call.
  virtual void CloseWrites() = 0;
  /// Ends the call, with Cancelled.
  virtual void Cancel() = 0;
};

/// A connection to a roberta-server. Calls that answer UNAVAILABLE or RESOURCE_EXHAUSTED are repeated as
/// client/service_config.json says, within their timeout. Any number of threads may call.
///
/// Errors are the server's status, as absl::Status with the same code; Unavailable also if the server cannot be
/// reached, DeadlineExceeded if the timeout passed, InvalidArgument for a timeout that is not positive.
class Client {
 public:
  /// Connects at the first call, not here.
  explicit Client(const ClientOptions& options);
  /// Cancels the calls in flight and waits until their `done` has run.
  ~Client();
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  absl::StatusOr<v1::ClassifyResponse> Classify(const v1::ClassifyRequest& request, Timeout timeout);

  /// The same without waiting. `done` runs once, on a thread of gRPC's or, for a bad timeout, on the calling one; it
  /// must return soon and must not destroy this client.
  using ClassifyDone = absl::AnyInvocable<void(absl::StatusOr<v1::ClassifyResponse>)>;
  void StartClassify(v1::ClassifyRequest request, Timeout timeout, ClassifyDone done);

  /// Bulk work with flow control: see ClassifyStream. `timeout` is for the whole of it. The settings go with the first
  /// message. Errors, other than those that come with on_end: InvalidArgument for the timeout.
  absl::StatusOr<std::unique_ptr<ClassifyStream>> StartClassifyStream(Timeout timeout, StreamEvents events);

  /// Ends the calls in flight, which return Cancelled. Later calls are not affected.
  void CancelCalls();

  /// The same text through several profiles, side by side.
  absl::StatusOr<v1::CompareResponse> Compare(const v1::CompareRequest& request, Timeout timeout);

  absl::StatusOr<v1::ListProfilesResponse> ListProfiles(Timeout timeout);

  /// Answers when the profile is loaded, or could not be: LoadProfileResponse::failure then says why. A load goes on
  /// when its call ends before it.
  absl::StatusOr<v1::LoadProfileResponse> LoadProfile(const std::string& name, Timeout timeout);
  absl::StatusOr<v1::UnloadProfileResponse> UnloadProfile(const std::string& name, Timeout timeout);
  absl::StatusOr<v1::SetDefaultProfileResponse> SetDefaultProfile(const std::string& name, Timeout timeout);

  /// Health of a service; "" is the whole server. A service that the server does not know is kServiceUnknown, no error.
  absl::StatusOr<Health> CheckHealth(const std::string& service, Timeout timeout);

  /// Calls `on_change` with the health now and whenever it changes, until that returns false (OK), CancelCalls ends it
  /// (Cancelled), the timeout passes (DeadlineExceeded) or the connection breaks (Unavailable).
  absl::Status WatchHealth(const std::string& service, Timeout timeout, absl::AnyInvocable<bool(Health)> on_change);

 private:
  struct Connection;
  const std::unique_ptr<Connection> connection_;
};

/// The violations that the server listed in an InvalidArgument; empty if it listed none. Where there are too many for
/// one status, the last one says how many are missing.
std::vector<FieldViolation> FieldViolations(const absl::Status& status);

/// The id that the server's log has for the request that ended with `status`; empty if no server answered. The id of a
/// request that succeeded is in its response.
std::string RequestId(const absl::Status& status);

}  // namespace roberta::client
