#pragma once

#include <atomic>

namespace roberta::metrics {

/// Whether the server wants requests: what /readyz answers. Any thread may call.
class Readiness {
 public:
  enum class State { kLoading, kServing, kDraining };

  void Set(State state) { state_.store(state, std::memory_order_release); }
  State state() const { return state_.load(std::memory_order_acquire); }

 private:
  std::atomic<State> state_{State::kLoading};
};

}  // namespace roberta::metrics
