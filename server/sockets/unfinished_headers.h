#pragma once

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>

namespace roberta::sockets {

/// What the calls over a connection tell of its input. Any thread may write and read.
class CallCounts {
 public:
  void Began() {
    ++open_;
    ++begun_;
  }
  void Ended() { --open_; }
  void MessageCame(uint64_t bytes) { message_bytes_ += 2 * bytes + kBytesAroundMessage; }

  uint64_t begun() const { return begun_; }
  uint64_t open() const { return open_; }
  /// At most so many bytes were on the wire for the messages that came: frames and TLS take some, too.
  uint64_t message_bytes() const { return message_bytes_; }

 private:
  static constexpr uint64_t kBytesAroundMessage = 256;

  std::atomic<uint64_t> begun_{0}, open_{0}, message_bytes_{0};
};

struct UnfinishedHeaderLimits {
  uint64_t bytes;           ///< that a connection may send for no known reason; 0: any number
  uint64_t bytes_per_call;  ///< and for each of its calls, whose messages may be on their way
  uint64_t bytes_of_all;    ///< at most for all of these, and of all connections
};

/// Finds out whether a connection sends headers that do not end. gRPC keeps these for as long as the connection lasts,
/// and no limit of its own counts them. They may be encrypted, so that this looks at numbers of bytes only: until
/// headers end, no call can begin and no message come, and for what comes without these there is little reason, which
/// is allowed for generously. One thread at a time may call.
class UnfinishedHeaders {
 public:
  using TimePoint = std::chrono::steady_clock::time_point;
  static constexpr int kLooks = 3;                     ///< that find too much, each more, as calls begin a little late
  static constexpr std::chrono::seconds kLateFor{1};   ///< what a client sends for calls that are over already
  static constexpr uint64_t kBytesForWrittenByte = 4;  ///< of a client that acknowledges what the server sends

  /// Whether a call has begun since the last look, which says that all headers before have ended: then there is no
  /// need to ask the system for the socket's bytes.
  bool CallBegan(const CallCounts& calls, TimePoint now) {
    const uint64_t begun = calls.begun();  // first, so that all of these are in `open` or have ended
    if (begun == begun_) return false;
    calls_ = open_ + (begun - begun_);
    open_ = calls.open();
    begun_ = begun;
    had_calls_ = now;
    is_marked_ = false;
    unexplained_ = 0;
    return true;
  }

  /// Looks at a connection of which no call has begun since the last look. `read` and `written` are its socket's bytes
  /// that the server has read and written since its beginning. Returns whether it sends too much.
  bool Look(const UnfinishedHeaderLimits& limits, const CallCounts& calls, int64_t read, int64_t written,
            TimePoint now) {
    open_ = calls.open();
    if (open_ > 0) had_calls_ = now;
    if (calls_ > 0 && now >= had_calls_ + kLateFor) {
      calls_ = 0;
      is_marked_ = false;
    }
    // What a server without calls writes, it answers; with calls, these may have been answered meanwhile.
    if (!is_marked_ || (calls_ == 0 && written > written_)) {
      is_marked_ = true;
      read_ = most_read_ = read;
      written_ = written;
      message_bytes_ = calls.message_bytes();
      unexplained_ = 0;
      looks_ = 0;
      return false;
    }
    if (read <= most_read_) return false;
    most_read_ = read;
    const uint64_t explained = calls.message_bytes() - message_bytes_ +
                               kBytesForWrittenByte * static_cast<uint64_t>(std::max<int64_t>(written - written_, 0));
    const auto sent = static_cast<uint64_t>(read - read_);
    unexplained_ = sent - std::min(sent, explained);
    allowed_ = limits.bytes + std::min(calls_ * limits.bytes_per_call, limits.bytes_of_all);
    looks_ = unexplained_ > allowed_ ? looks_ + 1 : 0;
    return looks_ >= kLooks;
  }

  /// As of the last look: bytes that came for no known reason, and the part that they are of what is allowed.
  uint64_t unexplained() const { return unexplained_; }
  double part() const { return static_cast<double>(unexplained_) / static_cast<double>(allowed_); }
  int64_t most_read() const { return most_read_; }

 private:
  uint64_t begun_ = 0;  // calls, as of the last look
  uint64_t open_ = 0;
  TimePoint had_calls_ = {};
  // Of the last sign that headers had ended.
  bool is_marked_ = true;  // at the beginning of the connection
  uint64_t calls_ = 0;     // that were open since the look before
  int64_t read_ = 0, written_ = 0, most_read_ = 0;
  uint64_t message_bytes_ = 0;
  uint64_t unexplained_ = 0, allowed_ = 1;
  int looks_ = 0;
};

}  // namespace roberta::sockets
