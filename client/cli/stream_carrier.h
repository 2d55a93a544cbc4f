#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <memory>
#include <string>

#include "client/cli/batch_carrier.h"
#include "client/cli/results.h"

namespace roberta::cli {

struct StreamCarrierOptions {
  v1::StreamSettings settings;
  client::Timeout patience{60000};  ///< how long the stream may be silent while answers are due
  size_t batches = 128;             ///< that are not yet emitted
};

/// All batches in one ClassifyStream; the server decides how many it works on at a time. When the stream breaks, items
/// that were sent on it and have no result fail, and the next batch opens another stream.
class StreamCarrier final : public BatchCarrier {
 public:
  /// `client` and `completions` must outlive this.
  StreamCarrier(client::Client* client, StreamCarrierOptions options, Completions* completions)
      : client_(client), options_(std::move(options)), completions_(completions) {}

  bool Takes(size_t batches) const override { return writable_ && !unknown_ && batches < options_.batches; }
  void Send(InFlightBatch* in_flight) override;
  void Close() override;
  void Watch() override;
  bool IsUnknownToServer() const override { return unknown_; }
  absl::Status failure() const override { return failure_; }
  bool HasEnded() const override { return ended_; }

  /// Phases of the parts of all streams that ended without an error. Called with Completions::mutex held.
  const PhaseMeans& phases() const { return phases_; }

 private:
  /// A batch that was sent and is not done.
  struct Awaited {
    InFlightBatch* in_flight = nullptr;
    uint64_t first_sequence = 0;
    size_t missing = 0;
    v1::ClassifyResponse response;
  };

  void Open();
  /// False where there is no stream by which an answer could come.
  bool Await(InFlightBatch* in_flight, size_t items);
  void TakeResponse(v1::ClassifyStreamResponse response);
  void TakeResult(v1::StreamResult* result);
  void TakeEnd(const absl::Status& status);
  void Fail(Awaited* awaited, const absl::Status& status);
  void Complete(Awaited* awaited);

  client::Client* const client_;
  const StreamCarrierOptions options_;
  Completions* const completions_;
  bool settings_sent_ = false;
  // All below are guarded by Completions::mutex.
  std::deque<Awaited> awaited_;  ///< in the order of their sequences
  uint64_t next_sequence_ = 0;
  std::string profile_used_;
  std::chrono::steady_clock::time_point last_message_;
  bool writable_ = true;
  bool ended_ = true;  ///< or not begun
  bool closed_ = false;
  bool timed_out_ = false;
  bool ever_answered_ = false;
  bool unknown_ = false;
  absl::Status failure_;
  PhaseMeans phases_;
  std::unique_ptr<client::ClassifyStream> stream_;  ///< not guarded; last: its events use the others
};

}  // namespace roberta::cli
