#pragma once

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "client/cli/items.h"
#include "client/cli/results.h"
#include "client/client.h"
#include "roberta/v1/classifier.pb.h"

namespace roberta::cli {

/// Items that went to the server together, and what came back.
struct Batch {
  std::vector<Item> items;
  /// Unset where no item could be sent. Its results are those of the items without a problem, in their order.
  std::optional<absl::StatusOr<v1::ClassifyResponse>> answer;
};

/// Whether a call that failed with `status` would fail again: all but overload, deadlines and internal errors.
bool IsLasting(const absl::Status& status);

class BatchCarrier;

/// A batch on its way to the server and back.
struct InFlightBatch {
  Batch batch;
  BatchCarrier* carrier = nullptr;  ///< that it was given to
  bool is_large = false;            ///< too large to share a stream with others
  bool done = false;                ///< guarded by Completions::mutex until it is true; then the answer is final
};

/// By which carriers report that a batch is done, or that they can take more.
struct Completions {
  std::mutex mutex;
  std::condition_variable changed;
};

/// A way for batches to the server and for their answers back. One thread.
class BatchCarrier {
 public:
  virtual ~BatchCarrier() = default;

  /// Whether Send would take another batch now, while `batches` of them are not yet emitted. Called with
  /// Completions::mutex held.
  virtual bool Takes(size_t batches) const = 0;
  /// Sends those items that have no problem; there is one at least. The batch must live until it is done.
  virtual void Send(InFlightBatch* in_flight) = 0;
  /// Nothing more will be sent.
  virtual void Close() {}
  /// To be called now and then while batches are in flight.
  virtual void Watch() {}
  /// After Close: nothing more will be reported. Called with Completions::mutex held.
  virtual bool HasEnded() const { return true; }
  /// The server does not know this way: batches that are not done have to go another. Called with Completions::mutex
  /// held.
  virtual bool IsUnknownToServer() const { return false; }
  /// What kept the carrier from going on, beyond the answers of single batches. With Completions::mutex held.
  virtual absl::Status failure() const { return absl::OkStatus(); }
};

/// Puts those items of a batch that have no problem into `request`, which may be any message with items.
template <typename Request>
void AddItems(const Batch& batch, Request* request) {
  for (const Item& item : batch.items) {
    if (!item.problem.ok()) continue;
    v1::Item* sent = request->add_items();
    sent->set_text(item.text);
    if (item.text_pair) sent->set_text_pair(*item.text_pair);
  }
}

struct CallCarrierOptions {
  v1::ClassifyRequest request;  ///< everything but the items
  client::Timeout timeout{60000};
  size_t calls_in_flight = 4;
};

/// A Classify call for each batch, several at a time.
class CallCarrier final : public BatchCarrier {
 public:
  /// `client` and `completions` must outlive the calls, and so this.
  CallCarrier(client::Client* client, CallCarrierOptions options, Completions* completions)
      : client_(client), options_(std::move(options)), completions_(completions) {
    options_.request.set_allow_partial(true);
  }

  /// A call whose answer waits to be emitted takes memory like one in flight, so both count.
  bool Takes(size_t batches) const override {
    return batches < 2 * options_.calls_in_flight && calls_ < options_.calls_in_flight;
  }
  void Send(InFlightBatch* in_flight) override;

 private:
  client::Client* const client_;
  CallCarrierOptions options_;
  Completions* const completions_;
  size_t calls_ = 0;  ///< in flight; guarded by Completions::mutex
};

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
