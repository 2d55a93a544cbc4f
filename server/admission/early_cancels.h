#pragma once

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>

namespace roberta::admission {

/// Learns, by connection, how long before the deadlines that the server knows its client gives calls up.
///
/// A client that has more calls than the connection may have at once lets the others wait, and some name the whole
/// timeout all the same when they send such a call, as grpc-go does. The server then has less time than it believes:
/// it would answer calls that have just been given up, and hardly any in time. What is common to these calls is the
/// lead, from the moment at which they are given up until the deadline. The least lead of the last one to two seconds
/// is taken, so that a single call that was wanted until its deadline is proof that there is none.
///
/// Clients also cancel because they want no answer any more. Hence a lead counts only where the connection had nearly
/// as many calls as it may have, where more calls than by chance are given up, and up to kMost: who gives a call up
/// long before its deadline has not just waited for its turn. Any thread may call.
class EarlyCancels {
 public:
  using Clock = std::chrono::steady_clock;

  static constexpr std::chrono::seconds kWindow{1};
  /// Of the calls that ended in a window and in the one before, one in so many must have been given up,
  static constexpr uint32_t kLeastPart = 16;
  /// and at least so many.
  static constexpr uint32_t kLeastCancels = 8;
  static constexpr std::chrono::seconds kMost{2};

  /// `streams`: the calls that a connection may have at once.
  explicit EarlyCancels(size_t streams) : crowd_(std::max<size_t>(1, streams * 3 / 4)) {}

  /// Counts a call as one that its connection has.
  struct Leave {
    void operator()(std::atomic<uint32_t>* open) const { open->fetch_sub(1, std::memory_order_relaxed); }
  };
  using Open = std::unique_ptr<std::atomic<uint32_t>, Leave>;
  /// A call of `connection` (call::Head::connection) has come, and lasts until what is returned is destroyed.
  Open Started(size_t connection) {
    if (connection == 0) return nullptr;
    std::atomic<uint32_t>& open = cells_[connection % cells_.size()].open;
    open.fetch_add(1, std::memory_order_relaxed);
    return Open(&open);
  }

  /// At `now`, a call of `connection` ended whose client had not given it up.
  void Ended(size_t connection, Clock::time_point now) {
    if (connection != 0) Note(connection, now, std::chrono::nanoseconds::max());
  }

  /// At `now`, the client gave a call up, `lead` before its deadline.
  void Cancelled(size_t connection, std::chrono::nanoseconds lead, Clock::time_point now) {
    if (lead > kMost) return Ended(connection, now);
    if (connection != 0) Note(connection, now, std::max(lead, std::chrono::nanoseconds(0)));
  }

  /// What to take from the time that calls of `connection` have left.
  std::chrono::nanoseconds Lead(size_t connection, Clock::time_point now) const {
    if (connection == 0) return {};
    const Cell& cell = cells_[connection % cells_.size()];
    const std::lock_guard lock(cell.mutex);
    const int64_t age = now.time_since_epoch() / kWindow - cell.window;
    if (cell.connection != connection || age > 1) return {};
    const Window& last = cell.windows[0];
    const Window before = age == 0 ? cell.windows[1] : Window();
    const uint32_t cancelled = last.cancelled + before.cancelled;
    if (std::max(last.most_open, before.most_open) < crowd_ || cancelled < kLeastCancels ||
        cancelled * kLeastPart < last.ended + before.ended)
      return {};
    return std::min(last.least, before.least);
  }

 private:
  struct Window {
    uint32_t ended = 0;
    uint32_t cancelled = 0;  ///< of these
    uint32_t most_open = 0;  ///< when one ended
    std::chrono::nanoseconds least = std::chrono::nanoseconds::max();
  };
  struct Cell {
    std::atomic<uint32_t> open{0};
    mutable std::mutex mutex;  ///< of what follows
    size_t connection = 0;     ///< whose calls these are; of two that share a cell, the one that was first in a window
    int64_t window = 0;        ///< the number of windows[0]
    std::array<Window, 2> windows;  ///< the last one, and the one before it
  };

  /// `lead`: the most there is for a call that was not given up.
  void Note(size_t connection, Clock::time_point now, std::chrono::nanoseconds lead) {
    const int64_t window = now.time_since_epoch() / kWindow;
    Cell& cell = cells_[connection % cells_.size()];
    const std::lock_guard lock(cell.mutex);
    if (cell.connection != connection) {
      if (window <= cell.window + 1 && cell.connection != 0) return;
      cell.connection = connection;
      cell.windows = {};
    } else if (window > cell.window) {
      cell.windows[1] = window == cell.window + 1 ? cell.windows[0] : Window();
      cell.windows[0] = {};
    }
    cell.window = window;
    Window& last = cell.windows[0];
    ++last.ended;
    last.most_open = std::max(last.most_open, cell.open.load(std::memory_order_relaxed));
    if (lead != std::chrono::nanoseconds::max()) ++last.cancelled;
    last.least = std::min(last.least, lead);
  }

  const size_t crowd_;
  std::array<Cell, 1021> cells_;
};

}  // namespace roberta::admission
