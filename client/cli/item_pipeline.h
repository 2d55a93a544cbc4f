#pragma once

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "client/cli/item.h"
#include "client/cli/item_source.h"
#include "client/client.h"

namespace roberta::cli {

struct PipelineOptions {
  v1::ClassifyRequest request;  ///< everything but the items
  client::Timeout timeout{60000};
  size_t items_per_call = 32;
  size_t bytes_per_call = size_t{1} << 20;  ///< a larger item travels alone
  size_t calls_in_flight = 4;
};

/// Whether a call that failed with `status` would fail again: all but overload, deadlines and internal errors.
bool IsLasting(const absl::Status& status);

/// Items that went in one call, and what came back.
struct Batch {
  std::vector<Item> items;
  /// Unset where no item could be sent. Its results are those of the items without a problem, in their order.
  std::optional<absl::StatusOr<v1::ClassifyResponse>> answer;
};

/// Sends items in calls, several at a time, and hands back the answers in the order of the items. Memory is bounded by
/// the calls in flight. An item that has to wait for company waits only as long as more input is at hand.
class ItemPipeline {
 public:
  /// `client` must outlive this.
  ItemPipeline(client::Client* client, PipelineOptions options) : client_(client), options_(std::move(options)) {}

  enum class End {
    kDone,
    kStopRequested,
    kOutputFailed,  ///< `emit` returned false
    kInputFailed,   ///< source->error() says why
    kRefused,       ///< a call failed in a way that the next would fail too; refusal() says how
  };
  /// Runs until the source ends, `emit` returns false, or `stop_requested` returns true. Batches that were answered are
  /// emitted whatever happens, but for kOutputFailed. Calls still under way then are cancelled, unless kDone or
  /// kRefused.
  End Run(ItemSource* source, const std::function<bool()>& stop_requested,
          const std::function<bool(const Batch&)>& emit);

  const absl::Status& refusal() const { return refusal_; }

 private:
  struct Call {
    Batch batch;
    bool done = false;  ///< guarded by mutex_ until it is true
  };

  void Send();
  size_t InFlight();
  bool EmitFinished(const std::function<bool(const Batch&)>& emit);
  void WaitForAnswer(std::chrono::milliseconds patience);
  End Finish(End end, const std::function<bool()>& stop_requested, const std::function<bool(const Batch&)>& emit);

  client::Client* const client_;
  const PipelineOptions options_;
  Batch forming_;
  size_t forming_bytes_ = 0;
  std::deque<std::unique_ptr<Call>> calls_;  ///< in the order of their items
  absl::Status refusal_;
  std::mutex mutex_;
  std::condition_variable answered_;
};

}  // namespace roberta::cli
