#pragma once

#include <gtest/gtest.h>

#include <condition_variable>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "server/service/classify_stream.h"

namespace roberta::service {

/// The client's end of a stream, in the hands of a test. Calls that wait give up after a minute.
class PuppetTransport final : public StreamTransport {
 public:
  using Message = internal::RawClassifyStreamRequest;

  /// A message of such texts.
  static Message Texts(const std::vector<std::string>& texts) {
    Message message;
    for (const std::string& text : texts) message.add_items()->set_text(text);
    return message;
  }
  static Message Texts(size_t count) { return Texts(std::vector<std::string>(count, "good")); }

  /// Begins to talk with `stream`, whose transport this is.
  void Start(std::shared_ptr<ClassifyStream> stream) {
    stream_ = std::move(stream);
    stream_->Start();
  }

  /// Lets go of the stream, which holds this: without it neither would ever be deleted. After the end.
  void HangUp() { stream_ = nullptr; }

  /// Hands a message over when the stream reads.
  void Send(Message message) {
    WaitForRead();
    stream_->MessageRead(std::make_shared<Message>(std::move(message)));
  }
  void SendMalformed(absl::Status status) {
    WaitForRead();
    stream_->MessageRead(std::move(status));
  }
  void Close() {
    WaitForRead();
    stream_->ReadsEnded();
  }
  bool reads() const {
    const std::lock_guard lock(mutex_);
    return reading_;
  }

  /// Writes then stay under way until ReleaseWrite.
  void HoldWrites() {
    const std::lock_guard lock(mutex_);
    holding_ = true;
  }
  void ReleaseWrite() {
    Wait([this] { return write_held_; });
    {
      const std::lock_guard lock(mutex_);
      write_held_ = false;
    }
    stream_->Written();
  }

  /// Waits until so many items have a result, and returns these by sequence.
  std::map<uint64_t, v1::ItemResult> WaitForResults(size_t count) {
    Wait([&] { return results_.size() >= count; });
    const std::lock_guard lock(mutex_);
    return results_;
  }
  /// Waits for the end.
  absl::Status WaitForEnd() {
    Wait([this] { return status_.has_value(); });
    const std::lock_guard lock(mutex_);
    return status_.value_or(absl::UnknownError("it never ended"));
  }
  /// After the end.
  size_t messages() const { return messages_; }
  const std::vector<FieldProblem>& problems() const { return problems_; }
  const v1::StreamStart& start() const { return start_; }
  const std::optional<v1::StreamEnd>& end() const { return end_; }
  const std::map<uint64_t, v1::ItemResult>& results() const { return results_; }
  ClassifyStream& stream() { return *stream_; }
  /// What the transport was told to end its write with.
  std::optional<absl::Status> aborted() const {
    const std::lock_guard lock(mutex_);
    return aborted_;
  }

  void Read() override {
    const std::lock_guard lock(mutex_);
    EXPECT_FALSE(reading_) << "two reads under way";
    reading_ = true;
    changed_.notify_all();
  }
  void Write(const v1::ClassifyStreamResponse& response) override {
    EXPECT_LE(response.ByteSizeLong(), 4u << 20) << "more than clients accept by default";
    {
      const std::lock_guard lock(mutex_);
      EXPECT_FALSE(write_held_) << "two writes under way";
      Take(response);
      write_held_ = holding_;
      if (holding_) return;
    }
    stream_->Written();
  }
  void Abort(const absl::Status& status) override {
    const std::lock_guard lock(mutex_);
    EXPECT_TRUE(write_held_) << "nothing to abort";
    aborted_ = status;
  }
  void Finish(const StreamOutcome& outcome) override {
    const std::lock_guard lock(mutex_);
    EXPECT_FALSE(status_.has_value()) << "finished twice";
    if (outcome.last != nullptr) Take(*outcome.last);
    problems_ = outcome.problems;
    status_ = outcome.status;
    changed_.notify_all();
  }

 private:
  void WaitForRead() {
    Wait([this] { return reading_; });
    const std::lock_guard lock(mutex_);
    reading_ = false;
  }
  template <typename Condition>
  void Wait(const Condition& condition) {
    std::unique_lock lock(mutex_);
    EXPECT_TRUE(changed_.wait_for(lock, std::chrono::minutes(1), condition));
  }
  void Take(const v1::ClassifyStreamResponse& response) {
    ++messages_;
    EXPECT_EQ(response.has_start(), !std::exchange(started_, true) && response.has_start());
    if (response.has_start()) start_ = response.start();
    if (response.has_end()) end_ = response.end();
    for (const v1::StreamResult& result : response.results()) {
      EXPECT_TRUE(results_.emplace(result.sequence(), result.result()).second) << result.sequence();
    }
    changed_.notify_all();
  }

  std::shared_ptr<ClassifyStream> stream_;
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  // All below are guarded by mutex_.
  bool reading_ = false;
  bool holding_ = false;
  bool write_held_ = false;
  bool started_ = false;
  size_t messages_ = 0;
  std::map<uint64_t, v1::ItemResult> results_;
  v1::StreamStart start_;
  std::optional<v1::StreamEnd> end_;
  std::optional<absl::Status> status_, aborted_;
  std::vector<FieldProblem> problems_;
};

}  // namespace roberta::service
