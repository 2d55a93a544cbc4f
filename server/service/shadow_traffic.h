#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

#include "absl/types/span.h"
#include "profiles/registry/registry.h"
#include "server/service/parts.h"

namespace roberta::service {

/// Draws a fraction of the calls at random; the seed determines which. Any thread may call.
class Sampler {
 public:
  /// `fraction` from 0, none, to 1, all.
  Sampler(double fraction, uint64_t seed) : fraction_(fraction), state_(seed) {}

  /// Whether the next call is drawn.
  bool Draw() {
    // splitmix64 (Steele, Lea, Flood 2014), whose state is a counter: threads share it without a lock.
    constexpr uint64_t kStep = 0x9e3779b97f4a7c15u;
    uint64_t bits = state_.fetch_add(kStep, std::memory_order_relaxed) + kStep;
    bits = (bits ^ (bits >> 30)) * 0xbf58476d1ce4e5b9u;
    bits = (bits ^ (bits >> 27)) * 0x94d049bb133111ebu;
    bits ^= bits >> 31;
    return static_cast<double>(bits >> 11) * 0x1p-53 < fraction_;
  }

 private:
  const double fraction_;
  std::atomic<uint64_t> state_;
};

struct ShadowOptions {
  std::string profile;                ///< known to the registry
  double fraction = 0;                ///< of the answered calls, 0 to 1
  size_t max_items_in_flight = 1024;  ///< items that wait or run
  uint64_t seed = 0;                  ///< determines which calls are chosen
};

/// Runs a fraction of the answered calls again on a second profile and counts how often the two agree, as the quality
/// gate does (quality::AgreementOf). It delays or refuses no call: it runs after the response was sent, at
/// call::Priority::kShadow, and holds no permit. Items beyond the limit are dropped and counted. Any thread may call;
/// nothing blocks.
class ShadowTraffic {
 public:
  /// The registry, the queue and the metrics must outlive this.
  ShadowTraffic(ShadowOptions options, Parts parts);

  /// Whether the call of `answered`, a job whose items have their outcomes, is chosen to run again: nothing, or the
  /// profile that Run must then be called with. Calls that the second profile itself answered are not chosen.
  std::optional<registry::LoadedProfile> Choose(const batching::Job& answered, const std::string& profile_used);

  /// Runs the items of `answered` again that succeeded; its outputs must still be logits.
  void Run(const registry::LoadedProfile& profile, const batching::Job& answered);

  /// From now on no call is chosen, and items that wait are dropped.
  void Stop() { stopped_.store(true); }

 private:
  void Compare(const batching::Job& job, absl::Span<const float> answer);

  const ShadowOptions options_;
  const Parts parts_;
  Sampler sampler_;
  std::atomic<size_t> items_in_flight_{0};
  std::atomic<bool> stopped_{false};
};

}  // namespace roberta::service
