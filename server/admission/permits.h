#pragma once

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <mutex>
#include <utility>

namespace roberta::admission {

class Permits;

/// The right to be in flight, returned when destroyed. Movable; an empty one stands for a refusal.
class Permit {
 public:
  Permit() = default;
  Permit(Permit&& other) noexcept : permits_(std::exchange(other.permits_, nullptr)) {}
  Permit& operator=(Permit&& other) noexcept;
  ~Permit() { Return(); }

  explicit operator bool() const { return permits_ != nullptr; }

 private:
  friend class Permits;
  explicit Permit(Permits* permits) : permits_(permits) {}
  void Return();

  Permits* permits_ = nullptr;
};

/// Why a permit was refused.
enum class Refusal { kNone, kFull, kClosed };

/// Bounds the calls in flight: a call is refused at once, before any work is spent on it, when `capacity` others are in
/// flight or the door is closed. Any thread may call; must outlive its permits.
class Permits {
 public:
  explicit Permits(size_t capacity) : capacity_(capacity) {}

  struct Decision {
    Permit permit;  ///< empty unless refusal is kNone
    Refusal refusal = Refusal::kNone;
  };
  Decision TryAdmit();

  /// From now on nothing is admitted.
  void Close();

  /// Waits until nothing is in flight, at most `timeout`. True if it came to that.
  bool WaitUntilIdle(std::chrono::milliseconds timeout);

  /// After Close: waits until nobody was turned away for the time `quiet`, at most `timeout`. True if it came to that.
  bool WaitUntilQuiet(std::chrono::milliseconds quiet, std::chrono::milliseconds timeout);

  size_t in_flight() const;
  size_t capacity() const { return capacity_; }

 private:
  friend class Permit;
  void Return();

  const size_t capacity_;
  mutable std::mutex mutex_;
  std::condition_variable idle_;
  std::condition_variable turned_away_;
  size_t in_flight_ = 0;          // guarded by mutex_
  bool closed_ = false;           // guarded by mutex_
  size_t turned_away_count_ = 0;  // guarded by mutex_
};

}  // namespace roberta::admission
