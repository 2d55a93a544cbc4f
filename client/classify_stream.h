#pragma once

#include <memory>

#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "roberta/v1/classifier.pb.h"

namespace roberta::client {

/// What a stream tells its user, on a thread of gRPC's. They must return soon, and must not destroy the stream or its
/// client.
struct StreamEvents {
  /// Some results, in any order; each names its item by the number it was sent under, from 0. Nothing further is read
  /// before this returns.
  absl::AnyInvocable<void(v1::ClassifyStreamResponse)> on_response;
  /// The message last given to Write has left; the next one will be taken. May come while on_response runs.
  absl::AnyInvocable<void()> on_writable;
  /// The last event, exactly one. Items that have no result by then have none: a server that stops answers what it has
  /// taken in, says how much that was in the last response (`end`), and ends with Unavailable.
  absl::AnyInvocable<void(const absl::Status&)> on_end;
};

/// A ClassifyStream call under way; made by Client::StartClassifyStream. Any thread may call. Bounded on both sides:
/// one message at most waits here to be sent, and the server takes no more than it is willing to hold, so whoever
/// writes has to wait for on_writable and to bound what it keeps of unanswered items.
class ClassifyStream {
 public:
  virtual ~ClassifyStream() = default;  ///< cancels the call, unless it has ended, and waits for on_end

  /// Sends a message, or returns false at once and leaves it alone: another one is on its way (on_writable will
  /// follow), or the call has ended or been closed.
  virtual bool Write(v1::ClassifyStreamRequest& request) = 0;
  /// No more messages will come. The server answers what it has and ends the call.
  virtual void CloseWrites() = 0;
  /// Ends the call, with Cancelled.
  virtual void Cancel() = 0;
};

}  // namespace roberta::client
