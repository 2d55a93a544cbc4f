#pragma once

#include <algorithm>
#include <chrono>
#include <string>
#include <unordered_map>

namespace roberta::sockets {

/// Peers (see PeerOf) that did harm and wait before their next connection is accepted. Takes bounded memory: beyond
/// kMostPeers the one whose pause ends first is forgotten. Threads must take turns.
class Pauses {
 public:
  using TimePoint = std::chrono::steady_clock::time_point;
  static constexpr size_t kMostPeers = 4096;
  /// In first pauses. Not long: clients whose calls wait in a queue of theirs until their deadlines look alike, and all
  /// who share their address wait with them.
  static constexpr int kLongest = 8;
  static constexpr std::chrono::minutes kForgottenAfter{1};  ///< the end of a pause

  /// 0: nobody waits.
  explicit Pauses(std::chrono::milliseconds first) : first_(first) {}

  /// `peer` did harm. It waits from now on, twice as long as the last time unless that is forgotten. What its
  /// other connections did before its pause is no reason for another one.
  void Begin(const std::string& peer, TimePoint now) {
    if (first_.count() == 0 || Waits(peer, now)) return;
    const auto found = pauses_.find(peer);
    auto length = first_;
    if (found != pauses_.end() && now < found->second.end + kForgottenAfter) {
      length = std::min(2 * found->second.length, kLongest * first_);
    }
    if (found == pauses_.end() && pauses_.size() >= kMostPeers) MakeRoom(now);
    pauses_[peer] = {.end = now + length, .length = length};
  }

  bool Waits(const std::string& peer, TimePoint now) const {
    const auto found = pauses_.find(peer);
    return found != pauses_.end() && now < found->second.end;
  }

 private:
  struct Pause {
    TimePoint end;
    std::chrono::milliseconds length;
  };

  void MakeRoom(TimePoint now) {
    std::erase_if(pauses_, [now](const auto& entry) { return now >= entry.second.end + kForgottenAfter; });
    if (pauses_.size() < kMostPeers) return;
    pauses_.erase(std::min_element(pauses_.begin(), pauses_.end(),
                                   [](const auto& a, const auto& b) { return a.second.end < b.second.end; }));
  }

  const std::chrono::milliseconds first_;
  std::unordered_map<std::string, Pause> pauses_;
};

}  // namespace roberta::sockets
