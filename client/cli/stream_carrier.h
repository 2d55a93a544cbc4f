#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <memory>
#include <string>

#include "client/cli/batch_carrier.h"
#include "client/cli/result_writer.h"

namespace roberta::cli {

struct StreamCarrierOptions {
  v1::StreamSettings settings;
  client::Timeout patience{60000};  ///< how long answers may be awaited without any coming
  size_t parcels = 128;             ///< not yet emitted
};

/// All batches in one ClassifyStream: the server says how many it works on at a time. When the stream breaks, what was
/// sent on it and has no result fails, item by item, and the next batch begins another.
class StreamCarrier final : public BatchCarrier {
 public:
  /// `client` and `mailbox` must outlive this.
  StreamCarrier(client::Client* client, StreamCarrierOptions options, Mailbox* mailbox)
      : client_(client), options_(std::move(options)), mailbox_(mailbox) {}

  bool Takes(size_t parcels) const override { return writable_ && !unknown_ && parcels < options_.parcels; }
  void Send(Parcel* parcel) override;
  void Close() override;
  void Watch() override;
  bool IsUnknownToServer() const override { return unknown_; }
  absl::Status failure() const override { return failure_; }
  bool HasEnded() const override { return ended_; }

  /// Of the parts of all streams that ended in order. Called with Mailbox::mutex held.
  const PhaseMeans& phases() const { return phases_; }

 private:
  /// A parcel that was sent and is not done.
  struct Awaited {
    Parcel* parcel = nullptr;
    uint64_t first_sequence = 0;
    size_t missing = 0;
    v1::ClassifyResponse response;
  };

  void Open();
  /// False: there is no stream that it could come by.
  bool Await(Parcel* parcel, size_t items);
  void TakeResponse(v1::ClassifyStreamResponse response);
  void TakeResult(v1::StreamResult* result);
  void TakeEnd(const absl::Status& status);
  void Fail(Awaited* awaited, const absl::Status& status);
  void Complete(Awaited* awaited);

  client::Client* const client_;
  const StreamCarrierOptions options_;
  Mailbox* const mailbox_;
  bool settings_sent_ = false;
  // All below are guarded by Mailbox::mutex.
  std::deque<Awaited> awaited_;  ///< in the order of their sequences
  uint64_t next_sequence_ = 0;
  std::string profile_used_;
  std::chrono::steady_clock::time_point last_news_;
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
