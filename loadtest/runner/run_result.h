#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "loadtest/runner/warm_up.h"
#include "loadtest/stats/tally.h"

namespace roberta::loadtest::runner {

/// A second of a run. Requests that were sent in it, and those that ended in it.
struct Window {
  int64_t sent = 0;
  int64_t answered = 0, refused = 0, other = 0;
  stats::Histogram from_intended;  ///< ns, of the answered
};

enum class End {
  kComplete,
  kStopped,     ///< the caller wanted it
  kServerLost,  ///< for `lost_after`, or for the whole of a shorter run, every request was UNAVAILABLE
};
std::string_view EndName(End end);  ///< "complete", "stopped", "server lost"

/// What a run measured. Requests belong to the measured time if they were intended within it; the warm-up before it is
/// booked apart.
struct RunResult {
  End end = End::kComplete;
  std::vector<std::string> class_names;
  std::vector<stats::Tally> classes;  ///< by class, measured time
  stats::Tally warm_up;               ///< all classes

  WarmUpEnd warm_up_end = WarmUpEnd::kAsAsked;
  double warm_up_seconds = 0;
  double measured_seconds = 0;
  /// Whatever ended within the measured time, whenever it was sent: what rates are made of.
  int64_t answered_within = 0, good_within = 0, items_within = 0, tokens_within = 0;

  int64_t intended = 0;   ///< requests that were due within the measured time; of a closed loop, as many as were sent
  int64_t held_back = 0;  ///< times that the limit on requests in flight delayed one, the warm-up's included
  std::vector<Window> windows;  ///< by second since the run began, the warm-up included

  double client_cpu_seconds = 0;  ///< of this process in the measured time
  int client_cores = 0;           ///< that it may use

  stats::Tally Total() const;  ///< of the classes
  double RatePerSecond(int64_t count_within) const;
  /// Ok if the books of every class and of the warm-up balance.
  absl::Status CheckBooks() const;
  /// Why the figures are those of this program rather than the server's, a sentence each; empty: they are valid.
  std::vector<std::string> Faults() const;
};

}  // namespace roberta::loadtest::runner
