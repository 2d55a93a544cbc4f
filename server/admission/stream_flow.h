#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <utility>
#include <vector>

#include "server/admission/permits.h"

namespace roberta::admission {

struct StreamLimits {
  size_t items_in_flight = 1024;      ///< that are worked on, or whose answers are not yet written
  size_t bytes_per_write = 1u << 20;  ///< of answers in one message; a larger answer is a message by itself
};

/// Decides when a stream may read messages with items, work on the items, write messages with their answers, and end.
/// It does not depend on the transport of the stream: each call reports an event and returns the steps to take now.
/// Each step is returned once, so any number of threads may call and take steps at the same time.
///
/// - At most `items_in_flight` items are worked on or wait to be written; at that limit nothing is read. The rest of a
///   message that exceeds the limit is held until there is room. So a client that does not read answers is stopped from
///   writing, and memory is bounded by the limits and one message.
/// - Items are numbered, and work on them begins, in the order of arrival; answers come in any order.
/// - At most one read and one write are under way. Answers that come while a write is under way are written together.
/// - A stream holds one permit while it has unanswered items.
template <typename Message, typename Answer>
class StreamFlow {
 public:
  /// Consecutive items of a message that may be worked on now. Answered must follow for all of them.
  struct Work {
    std::shared_ptr<Message> message;
    size_t first_item = 0;  ///< in the message
    size_t items = 0;
    uint64_t first_sequence = 0;  ///< of first_item, in the stream
  };
  /// To be taken in this order; their destructor returns the permit.
  struct Steps {
    Permit returned;
    bool admit = false;  ///< request a permit; Admitted or Refused must follow
    std::optional<Work> work;
    std::vector<Answer> write;  ///< unless empty: write these as one message; Written must follow
    bool read = false;          ///< MessageRead or ReadsEnded must follow, unless `finish` comes before
    bool finish = false;        ///< end the stream; the last step but for `returned`
  };

  explicit StreamFlow(const StreamLimits& limits) : limits_(limits) {}

  /// The first call.
  Steps Open() {
    const std::lock_guard lock(mutex_);
    return Next();
  }
  /// A message with that many items was read. After Stop it is ignored: its items get no numbers.
  Steps MessageRead(std::shared_ptr<Message> message, size_t items) {
    const std::lock_guard lock(mutex_);
    reading_ = false;
    if (items > 0 && !stopped_) held_ = {std::move(message), 0, items, items_begun_};
    return Next();
  }
  /// The client sends no more messages.
  Steps ReadsEnded() {
    const std::lock_guard lock(mutex_);
    reading_ = false;
    stopped_ = true;
    return Next();
  }
  Steps Admitted(Permit permit) {
    const std::lock_guard lock(mutex_);
    admitting_ = false;
    permit_ = std::move(permit);
    return Next();
  }
  /// There will be no permit: held items are dropped, and the stream ends.
  Steps Refused() {
    const std::lock_guard lock(mutex_);
    admitting_ = false;
    stopped_ = true;
    held_ = {};
    return Next();
  }
  /// The answer to that many items, of so many bytes.
  Steps Answered(Answer answer, size_t items, size_t bytes) {
    const std::lock_guard lock(mutex_);
    if (aborted_) {
      in_flight_ -= items;
    } else {
      ready_.push_back({std::move(answer), items, bytes});
    }
    return Next();
  }
  /// The last write is done.
  Steps Written() {
    const std::lock_guard lock(mutex_);
    writing_ = false;
    in_flight_ -= std::exchange(items_in_write_, 0);
    return Next();
  }
  /// Nothing more is read; items that were read are answered, then the stream ends.
  Steps Stop() {
    const std::lock_guard lock(mutex_);
    stopped_ = true;
    return Next();
  }
  /// The stream ends as soon as no write is under way; later answers are dropped. The write no longer counts as work:
  /// a client that does not read may hold it up for ever, but not the permit.
  Steps Abort() {
    const std::lock_guard lock(mutex_);
    aborted_ = stopped_ = true;
    held_ = {};
    in_flight_ -= std::exchange(items_in_write_, 0);
    for (const Ready& ready : ready_) in_flight_ -= ready.items;
    ready_.clear();
    return Next();
  }

  /// Items begun and not yet written.
  size_t in_flight() const {
    const std::lock_guard lock(mutex_);
    return in_flight_;
  }
  /// Items begun so far. Those with a lower sequence were or will be answered, unless the stream is aborted.
  uint64_t items_begun() const {
    const std::lock_guard lock(mutex_);
    return items_begun_;
  }

 private:
  struct Ready {
    Answer answer;
    size_t items = 0;
    size_t bytes = 0;
  };

  Steps Next() {
    Steps steps;
    if (held_.items > 0 && !permit_ && !admitting_) steps.admit = admitting_ = true;
    if (permit_) Begin(&steps);
    if (!writing_) TakeAnswers(&steps);
    if (!stopped_ && !reading_ && held_.items == 0 && in_flight_ < limits_.items_in_flight) {
      steps.read = reading_ = true;
    }
    const bool nothing_left = held_.items == 0 && in_flight_ == 0;
    if (!finished_ && stopped_ && !writing_ && (aborted_ || nothing_left)) steps.finish = finished_ = true;
    if (nothing_left) steps.returned = std::move(permit_);
    return steps;
  }

  /// Begins the items that there is room for. Waits for a little more room, because small pieces of work cost more.
  void Begin(Steps* steps) {
    const size_t room = limits_.items_in_flight - in_flight_;
    const size_t items = std::min(held_.items, room);
    if (items == 0 || (items < held_.items && room < limits_.items_in_flight / kSmallestPart)) return;
    steps->work = held_;
    steps->work->items = items;
    held_.first_item += items;
    held_.first_sequence += items;
    held_.items -= items;
    if (held_.items == 0) held_.message.reset();
    items_begun_ += items;
    in_flight_ += items;
  }

  void TakeAnswers(Steps* steps) {
    size_t taken = 0;
    for (size_t bytes = 0; taken < ready_.size(); ++taken) {
      bytes += ready_[taken].bytes;
      if (taken > 0 && bytes > limits_.bytes_per_write) break;
      writing_ = true;
      items_in_write_ += ready_[taken].items;
      steps->write.push_back(std::move(ready_[taken].answer));
    }
    ready_.erase(ready_.begin(), ready_.begin() + static_cast<std::ptrdiff_t>(taken));
  }

  static constexpr size_t kSmallestPart = 16;  // of the room there can be

  const StreamLimits limits_;
  mutable std::mutex mutex_;
  // All below are guarded by mutex_.
  Permit permit_;
  Work held_;  ///< the rest of the last message
  std::vector<Ready> ready_;
  size_t in_flight_ = 0;
  size_t items_in_write_ = 0;
  uint64_t items_begun_ = 0;
  bool reading_ = false;
  bool writing_ = false;
  bool admitting_ = false;
  bool stopped_ = false;
  bool aborted_ = false;
  bool finished_ = false;
};

}  // namespace roberta::admission
