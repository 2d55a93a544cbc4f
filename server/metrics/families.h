#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace prometheus {
class Counter;
class Gauge;
class Histogram;
class Registry;
template <typename T>
class Family;
}  // namespace prometheus

namespace roberta::metrics {

/// A new family of `registry`, without series; `help` is its HELP line. The result lives as long as the registry.
prometheus::Family<prometheus::Counter>& AddCounters(prometheus::Registry& registry, const std::string& name,
                                                     const std::string& help);
prometheus::Family<prometheus::Gauge>& AddGauges(prometheus::Registry& registry, const std::string& name,
                                                 const std::string& help);
prometheus::Family<prometheus::Histogram>& AddHistograms(prometheus::Registry& registry, const std::string& name,
                                                         const std::string& help);

/// A new family with one series, which has no labels.
prometheus::Counter* AddCounter(prometheus::Registry& registry, const std::string& name, const std::string& help);
prometheus::Gauge* AddGauge(prometheus::Registry& registry, const std::string& name, const std::string& help);

// Upper bounds of histograms. Each bound is one more series for every histogram, so they are a factor of 2 apart only
// where an answer depends on it; means are exact with any bounds.

/// Times of calls and phases, in seconds: doubling from 0.5 ms to 2 s, where services set their objectives, and 10 s.
std::vector<double> LatencySeconds();

/// How far a predicted time is off, in seconds: 1 ms to 4 s, a factor of 4 apart.
std::vector<double> PredictionErrorSeconds();

/// Powers of two from `first` to `last`, which are powers of two themselves.
std::vector<double> PowersOfTwo(uint32_t first, uint32_t last);

/// Shares: 0 to 0.7, closer together at the low end.
std::vector<double> Ratios();

inline double Seconds(int64_t nanoseconds) {
  return static_cast<double>(nanoseconds) * 1e-9;
}

/// The value of the label `profile` for calls that were given no profile, or name one that the server does not know.
inline constexpr char kNoProfile[] = "none";
/// The value of the label `profile` for a histogram that counts the calls of all profiles together.
inline constexpr char kAllProfiles[] = "all";

/// `profiles` and kNoProfile.
std::vector<std::string> WithNone(std::vector<std::string> profiles);

/// A value for each profile of a fixed list, so that no name that a client makes up becomes a label. Once filled, any
/// thread may read it without a lock.
template <typename Value>
class PerProfile {
 public:
  PerProfile() = default;
  PerProfile(const PerProfile&) = delete;
  PerProfile& operator=(const PerProfile&) = delete;

  /// `profile` must not have a value yet.
  void Add(const std::string& profile, const Value& value) {
    in_order_.push_back(&values_.emplace(profile, value).first->second);
  }

  /// nullptr for a profile that has no value.
  const Value* Find(std::string_view profile) const {
    const auto found = values_.find(profile);
    return found != values_.end() ? &found->second : nullptr;
  }

  /// The value of `profile`, or that of kNoProfile, which must have one, if `profile` has none.
  const Value& Of(std::string_view profile) const {
    const Value* value = Find(profile);
    return value != nullptr ? *value : values_.find(kNoProfile)->second;
  }

  /// In the order in which they were added.
  const std::vector<const Value*>& in_order() const { return in_order_; }

 private:
  std::map<std::string, Value, std::less<>> values_;
  std::vector<const Value*> in_order_;
};

}  // namespace roberta::metrics
