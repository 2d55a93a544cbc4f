#pragma once

#include <chrono>
#include <cstddef>
#include <deque>
#include <functional>
#include <memory>

#include "absl/status/status.h"
#include "client/cli/carriers.h"
#include "client/cli/items.h"
#include "client/cli/results.h"
#include "client/client.h"

namespace roberta::cli {

struct PipelineOptions {
  v1::ClassifyRequest request;           ///< everything but the items and the priority
  std::optional<v1::Priority> priority;  ///< absent: the server's, which is lower for a stream than for a call
  client::Timeout timeout{60000};
  size_t items_per_call = 32;
  size_t bytes_per_call = size_t{1} << 20;  ///< a larger item is sent alone, in a call of its own
  size_t calls_in_flight = 4;
  bool stream = false;            ///< in one stream, if the server knows streams
  size_t items_in_stream = 4096;  ///< that are sent and not yet emitted
};

/// Sends items in batches, several at a time, and hands back the answers in the order of the items. Memory is bounded
/// by the batches that are not yet emitted. A batch that is not full is sent as soon as no more input is at hand.
class ItemPipeline {
 public:
  /// `client` must outlive this.
  ItemPipeline(client::Client* client, PipelineOptions options);

  enum class End {
    kDone,
    kStopRequested,
    kOutputFailed,  ///< `emit` returned false
    kInputFailed,   ///< source->error() says why
    kRefused,       ///< a call failed in such a way that the next would fail too; refusal() says how
  };
  /// Runs until the source ends, `emit` returns false, or `stop_requested` returns true. To be called once. All batches
  /// are emitted except after kOutputFailed, those without an answer with the reason. Calls that are still in flight
  /// then are cancelled, except after kDone and kRefused.
  End Run(ItemSource* source, const std::function<bool()>& stop_requested,
          const std::function<bool(const Batch&)>& emit);

  const absl::Status& refusal() const { return refusal_; }
  /// Of what went by stream; after Run.
  const PhaseMeans& stream_phases() const { return stream_.phases(); }

 private:
  void Form(Item item);
  void Send();
  void Dispatch();
  void GiveUp(const absl::Status& reason);
  BatchCarrier* Way() { return by_stream_ ? static_cast<BatchCarrier*>(&stream_) : &calls_; }
  BatchCarrier* WayOf(const InFlightBatch& in_flight) { return in_flight.is_large ? &calls_ : Way(); }
  bool TakesMore();  ///< with Completions::mutex held
  bool MayRead();
  bool EmitFinished(const std::function<bool(const Batch&)>& emit);
  void WaitForChange(std::chrono::milliseconds patience, const std::function<bool()>& changed);
  End Finish(End end, const std::function<bool()>& stop_requested, const std::function<bool(const Batch&)>& emit);

  client::Client* const client_;
  const PipelineOptions options_;
  Batch forming_;
  size_t forming_bytes_ = 0;
  std::deque<std::unique_ptr<InFlightBatch>> batches_;  ///< in the order of their items
  std::deque<InFlightBatch*> unsent_;                   ///< the last of these
  absl::Status refusal_;
  bool by_stream_;
  Completions completions_;
  CallCarrier calls_;
  StreamCarrier stream_;
};

}  // namespace roberta::cli
