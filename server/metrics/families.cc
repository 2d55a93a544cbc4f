#include "server/metrics/families.h"

#include <prometheus/counter.h>
#include <prometheus/gauge.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>

namespace roberta::metrics {

prometheus::Family<prometheus::Counter>& AddCounters(prometheus::Registry& registry, const std::string& name,
                                                     const std::string& help) {
  return prometheus::BuildCounter().Name(name).Help(help).Register(registry);
}

prometheus::Family<prometheus::Gauge>& AddGauges(prometheus::Registry& registry, const std::string& name,
                                                 const std::string& help) {
  return prometheus::BuildGauge().Name(name).Help(help).Register(registry);
}

prometheus::Family<prometheus::Histogram>& AddHistograms(prometheus::Registry& registry, const std::string& name,
                                                         const std::string& help) {
  return prometheus::BuildHistogram().Name(name).Help(help).Register(registry);
}

prometheus::Counter* AddCounter(prometheus::Registry& registry, const std::string& name, const std::string& help) {
  return &AddCounters(registry, name, help).Add({});
}

prometheus::Gauge* AddGauge(prometheus::Registry& registry, const std::string& name, const std::string& help) {
  return &AddGauges(registry, name, help).Add({});
}

std::vector<double> LatencySeconds() {
  return {0.0005, 0.001, 0.002, 0.004, 0.008, 0.016, 0.032, 0.064, 0.125, 0.25, 0.5, 1, 2, 10};
}

std::vector<double> PredictionErrorSeconds() {
  return {0.001, 0.004, 0.016, 0.064, 0.25, 1, 4};
}

std::vector<double> PowersOfTwo(uint32_t first, uint32_t last) {
  std::vector<double> powers;
  for (uint64_t power = first; power <= last; power *= 2) powers.push_back(static_cast<double>(power));
  return powers;
}

std::vector<double> Ratios() {
  return {0, 0.05, 0.1, 0.2, 0.3, 0.5, 0.7};
}

std::vector<std::string> WithNone(std::vector<std::string> profiles) {
  profiles.emplace_back(kNoProfile);
  return profiles;
}

}  // namespace roberta::metrics
