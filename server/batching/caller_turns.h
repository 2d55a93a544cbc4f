#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace roberta::batching {

/// The order in which callers have their turns: start-time fair queueing (Goyal et al. 1996), in tokens instead of
/// time. What arrives gets a place behind all that its caller has waiting, but, however much of others waits, next to
/// what runs now. So what waits of one caller delays no more of another than as much of its own, and what one caller
/// sends alone stays in the order of arrival. Not thread-safe.
class CallerTurns {
 public:
  using Place = uint64_t;

  /// The place of `tokens` tokens that wait from now on.
  Place Enter(size_t caller, size_t tokens) {
    if (caller >= callers_.size()) callers_.resize(caller + 1);
    Caller& entered = callers_[caller];
    const Place place = std::max(running_, entered.end);
    entered.end = place + tokens;
    ++entered.waiting;
    return place;
  }
  /// What stood at `place` runs now.
  void Run(Place place) { running_ = std::max(running_, place); }
  /// What entered at a time no longer waits, because it runs or was dropped.
  void Leave(size_t caller) {
    if (--callers_[caller].waiting == 0) callers_[caller].end = 0;
  }

 private:
  struct Caller {
    Place end = 0;  ///< of what it has waiting
    size_t waiting = 0;
  };
  std::vector<Caller> callers_;  ///< by their numbers; grows when a higher one comes
  Place running_ = 0;
};

}  // namespace roberta::batching
