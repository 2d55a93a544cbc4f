#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "roberta/internal/requests.pb.h"
#include "roberta/v1/classifier.pb.h"
#include "server/admission/stream_flow.h"
#include "server/request_log/call_identity.h"
#include "server/request_log/record.h"
#include "server/service/classification_core.h"

namespace roberta::service {

/// What a transport knows of a stream before its first message.
struct StreamHead {
  request_log::CallIdentity identity;
  std::string metadata_profile;  ///< of x-profile; empty if absent
  std::chrono::system_clock::time_point deadline = std::chrono::system_clock::time_point::max();
};

/// How a stream ended.
struct StreamOutcome {
  absl::Status status;
  std::vector<FieldProblem> problems;  ///< as in CallOutcome
  std::string profile_used;            ///< empty if it got none
  /// The last message, to be sent before the status; nullptr: the client has gone, or has no time left for it.
  std::unique_ptr<v1::ClassifyStreamResponse> last;
};

/// What carries a stream's messages: gRPC, or a test. Any thread may call; nothing may block. One read and one write at
/// most are under way at a time, and Finish is the last call, though a Read of another thread may come after it, which
/// is to be left alone.
class StreamTransport {
 public:
  virtual ~StreamTransport() = default;
  /// ClassifyStream::MessageRead or ReadsEnded must follow.
  virtual void Read() = 0;
  /// ClassifyStream::Written must follow.
  virtual void Write(const v1::ClassifyStreamResponse& response) = 0;
  virtual void Finish(const StreamOutcome& outcome) = 0;
};

class StreamCore;

/// One ClassifyStream call, free of gRPC: cuts what is read into parts, which go through the ClassificationCore as bulk
/// work, and puts their results into messages. admission::StreamFlow decides what is done when. Any thread may call.
class ClassifyStream : public std::enable_shared_from_this<ClassifyStream> {
 public:
  /// Made by StreamCore::Open, which must outlive it.
  ClassifyStream(StreamCore* core, std::shared_ptr<StreamTransport> transport, StreamHead head);

  /// Reads the first message; once.
  void Start();

  /// What the transport tells, one call at a time of the first two.
  void MessageRead(absl::StatusOr<std::shared_ptr<internal::RawClassifyStreamRequest>> message);
  void ReadsEnded();  ///< the client has closed its half
  void Written();
  /// The client has gone, or the deadline has passed: what waits is dropped, never run.
  void Cancel();

  /// Reads no more, finishes what was read, and ends with UNAVAILABLE.
  void Drain();

 private:
  friend class StreamCore;
  using Message = internal::RawClassifyStreamRequest;
  using Flow = admission::StreamFlow<Message, std::unique_ptr<v1::ClassifyStreamResponse>>;

  void Take(Flow::Steps steps);
  void Admit();
  void StartWork(const Flow::Work& work);
  void PartDone(uint64_t first_sequence, int items, CallOutcome& outcome);
  void Write(Flow::Steps& steps);
  void Finish();
  void Record(const absl::Status& status);
  absl::Status Begin(const internal::RawStreamSettings& settings);
  absl::Status Check(const Message& message);
  void EndWith(const absl::Status& status, std::vector<FieldProblem> problems = {});
  void CutShort(const absl::Status& status);
  void AddStart(v1::ClassifyStreamResponse* response);

  StreamCore* const core_;
  const std::shared_ptr<StreamTransport> transport_;
  std::atomic<bool> cancelled_{false};
  std::atomic<uint64_t> wait_{0};  ///< for a permit
  ClassifyCall head_;              ///< profile and settings of all parts; left alone once the first message is read
  bool begun_ = false;             ///< the first message was read; of the reading thread
  Flow flow_;

  std::mutex mutex_;
  bool ended_ = false;  ///< guarded by mutex_, like all below: the status stands
  absl::Status status_;
  std::vector<FieldProblem> problems_;
  v1::StreamStart start_;  ///< empty before the profile is chosen
  bool start_sent_ = false;
  v1::StreamEnd totals_;
  std::string profile_named_;  ///< by the client, as the log may tell it
  request_log::Work work_;     ///< what the log tells beyond the totals
};

}  // namespace roberta::service
