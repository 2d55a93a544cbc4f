#pragma once

#include <string>

namespace prometheus {
class Counter;
class Gauge;
class Histogram;
class Registry;
template <typename T>
class Family;
}  // namespace prometheus

namespace roberta::metrics {

/// A new family of `registry`, without children; `help` is its line in the exposition. What is returned lives as long
/// as the registry.
prometheus::Family<prometheus::Counter>& AddCounters(prometheus::Registry& registry, const std::string& name,
                                                     const std::string& help);
prometheus::Family<prometheus::Gauge>& AddGauges(prometheus::Registry& registry, const std::string& name,
                                                 const std::string& help);
prometheus::Family<prometheus::Histogram>& AddHistograms(prometheus::Registry& registry, const std::string& name,
                                                         const std::string& help);

}  // namespace roberta::metrics
