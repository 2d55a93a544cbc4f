#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "roberta/internal/requests.pb.h"
#include "roberta/v1/classifier.pb.h"
#include "server/admission/stream_flow.h"
#include "server/call/identity.h"
#include "server/request_log/request_log.h"
#include "server/service/classification.h"

namespace roberta::service {

/// How a stream ended.
struct StreamOutcome {
  absl::Status status;
  std::vector<FieldProblem> problems;  ///< as in CallOutcome
  std::string profile_used;            ///< empty if none was selected
  /// The last message, to be sent before the status; nullptr if the client has gone or its deadline has passed.
  std::unique_ptr<v1::ClassifyStreamResponse> last;
};

/// Carries the messages of a stream: gRPC, or a test. Any thread may call; nothing may block. At most one read and one
/// write are under way at a time. Finish is the last call, except that a Read of another thread may come after it,
/// which must be ignored.
class StreamTransport {
 public:
  virtual ~StreamTransport() = default;
  /// ClassifyStream::MessageRead or ReadsEnded must follow.
  virtual void Read() = 0;
  /// ClassifyStream::Written must follow.
  virtual void Write(const v1::ClassifyStreamResponse& response) = 0;
  /// Ends the stream for the client, which does not read the write under way. Written and Finish must still follow.
  virtual void Abort(const absl::Status& status) = 0;
  virtual void Finish(const StreamOutcome& outcome) = 0;
};

class ClassifyStreams;

/// One ClassifyStream call: divides the messages that it reads into parts, which go through Classification as bulk
/// work, and writes their results as messages. admission::StreamFlow decides what is done when. Any thread may call.
class ClassifyStream : public std::enable_shared_from_this<ClassifyStream> {
 public:
  /// Made by ClassifyStreams::Open; `streams` must outlive it.
  ClassifyStream(ClassifyStreams* streams, std::shared_ptr<StreamTransport> transport, call::Head head);

  /// Reads the first message; once.
  void Start();

  /// The transport reports what happened; one call at a time of the first two.
  void MessageRead(absl::StatusOr<std::shared_ptr<internal::RawClassifyStreamRequest>> message);
  void ReadsEnded();  ///< the client has closed its half
  void Written();
  /// The client has gone, or the deadline has passed: items that wait are dropped, never run.
  void Cancel();

  /// Ends the stream if a write has been under way since `start` or longer.
  void EndIfWritingSince(call::PhaseClock::Clock::time_point start);

  /// Reads if the caller had more items than its rate allows when the stream was to read, and is within it at `now`.
  void ReadIfDue(batching::Clock::time_point now);

  /// Stops reading, finishes what was read, and ends with UNAVAILABLE.
  void Drain();

 private:
  friend class ClassifyStreams;
  using Message = internal::RawClassifyStreamRequest;
  using Flow = admission::StreamFlow<Message, std::unique_ptr<v1::ClassifyStreamResponse>>;

  void Take(Flow::Steps steps);
  void Read();
  void Admit();
  void StartWork(const Flow::Work& work);
  void PartDone(uint64_t first_sequence, ClassifyCall& part);
  void Write(Flow::Steps& steps);
  void Finish();
  void Record(const absl::Status& status);
  absl::Status Begin(const internal::RawStreamSettings& settings);
  absl::Status Check(const Message& message);
  void EndWith(const absl::Status& status, std::vector<FieldProblem> problems = {});
  void CutShort(const absl::Status& status);
  void AddStart(v1::ClassifyStreamResponse* response);

  ClassifyStreams* const streams_;
  const std::shared_ptr<StreamTransport> transport_;
  std::atomic<bool> cancelled_{false};
  /// When the write under way began; the largest value if there is none.
  std::atomic<call::PhaseClock::Clock::time_point> write_start_{call::PhaseClock::Clock::time_point::max()};
  /// When to read again; the largest value if a read is under way or none is wanted.
  std::atomic<batching::Clock::time_point> read_due_{batching::Clock::time_point::max()};
  std::atomic<uint64_t> wait_{0};  ///< for a permit; see ConcurrencyLimit::CancelWait
  ClassifyCall head_;              ///< profile and settings of all parts; constant once the first message was read
  bool begun_ = false;             ///< the first message was read; of the reading thread
  Flow flow_;

  std::mutex mutex_;
  bool ended_ = false;  ///< guarded by mutex_, like all below: the status is final
  absl::Status status_;
  std::vector<FieldProblem> problems_;
  v1::StreamStart start_;  ///< empty before the profile is chosen
  bool start_sent_ = false;
  v1::StreamEnd totals_;
  std::string profile_named_;  ///< by the client, as it may be logged
  request_log::Work work_;     ///< sums over the parts, whose times overlap, for the log
};

/// The ClassifyStream calls of a server. Beyond the rate of its caller a stream is not read, and so not answered, until
/// it is within it. Any thread may call.
class ClassifyStreams {
 public:
  /// `classification` and `parts` must outlive this.
  ClassifyStreams(Classification* classification, Parts parts, const admission::StreamLimits& limits)
      : classification_(classification), parts_(std::move(parts)), limits_(limits) {}

  /// Makes a stream for the transport to start. A stream holds a permit while it has unanswered items, and waits for
  /// one where another call would be refused; the server may not be destroyed before these are returned.
  std::shared_ptr<ClassifyStream> Open(std::shared_ptr<StreamTransport> transport, call::Head head);

  /// Reads from streams that waited for the rates of their callers. To be called from time to time.
  void ReadWhatIsDue();

  /// Drains all streams, and those that are opened from now on.
  void Drain();

  /// Ends streams whose clients do not read, with kClientDoesNotRead: those of which a write has been under way since
  /// `start` or longer. To be called from time to time.
  void EndWritesSince(call::PhaseClock::Clock::time_point start);

 private:
  friend class ClassifyStream;
  bool draining();
  std::vector<std::shared_ptr<ClassifyStream>> All();
  void Remove(const ClassifyStream* stream);

  Classification* const classification_;
  const Parts parts_;
  const admission::StreamLimits limits_;
  std::mutex mutex_;
  bool draining_ = false;  ///< guarded by mutex_, like `open_`
  std::unordered_map<const ClassifyStream*, std::weak_ptr<ClassifyStream>> open_;
};

}  // namespace roberta::service
