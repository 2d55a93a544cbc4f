#pragma once

#include <memory>

#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "roberta/v1/classifier.pb.h"

namespace roberta::client {

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

}  // namespace roberta::client
