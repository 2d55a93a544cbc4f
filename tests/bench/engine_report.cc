#include "tests/bench/engine_report.h"

#include <cstdio>
#include <nlohmann/json.hpp>
#include <numeric>
#include <utility>

namespace roberta::bench {
namespace {

using encoder::kPartNames;
using encoder::kParts;
using Json = nlohmann::ordered_json;

double Total(const encoder::PartTimes& times) {
  return static_cast<double>(std::accumulate(times.ns.begin(), times.ns.end(), int64_t{0}));
}

/// Operations a nanosecond of the products alone, on one thread.
double ProductRate(const encoder::PartTimes& times) {
  return 2.0 * static_cast<double>(times.product_macs) /
         static_cast<double>(times.ns[static_cast<size_t>(encoder::Part::kProducts)]);
}

std::string Title(const Side& side) {
  return side.strategy.empty() ? side.name : side.name + " " + side.strategy;
}

/// The first side; where there are strategies, the same profile packed or, without that, with the first strategy.
const Side& ComparedWith(const Side& side, const std::vector<Side>& sides) {
  if (side.strategy.empty()) return sides.front();
  const Side* first = nullptr;
  for (const Side& other : sides) {
    if (other.name != side.name) continue;
    if (other.strategy == "packed") return other;
    if (first == nullptr) first = &other;
  }
  return *first;
}

void PrintProducts(const Side& side) {
  const double rate = ProductRate(side.times);
  std::printf("            products %.0f Gop/s a thread in %s", rate, side.profile->description().precision.c_str());
  if (side.alone_gops_per_thread) {
    std::printf("; alone %.0f, so %.1f %% of it", *side.alone_gops_per_thread,
                100 * rate / *side.alone_gops_per_thread);
  }
  if (side.peak) {
    std::printf("; registers %.0f (%s), so %.1f %% of it\n", side.peak->gops,
                std::string(side.peak->instruction).c_str(), 100 * rate / side.peak->gops);
  } else {
    std::printf("; registers not measured\n");
  }
}

void PrintSide(const Workload& workload, const Side& side, const Side& first) {
  std::printf("%-10s %8.1f sequences/s %9.0f tokens/s %6.2f times %s\n", Title(side).c_str(),
              static_cast<double>(workload.sequences) / side.best_seconds,
              static_cast<double>(workload.tokens) / side.best_seconds, first.best_seconds / side.best_seconds,
              Title(first).c_str());
  if (!side.strategy.empty()) {
    std::printf("            %.1f %% of what is computed is padding; %zu batches\n", 100 * side.padding_ratio,
                side.batches);
  }
  if (side.times.product_macs > 0) {
    std::printf("           ");
    for (size_t part = 0; part < kParts; ++part) {
      std::printf(" %s %.1f %%", kPartNames[part],
                  100.0 * static_cast<double>(side.times.ns[part]) / Total(side.times));
    }
    std::printf("\n");
    PrintProducts(side);
  }
  if (side.median_seconds_of_one.empty()) return;
  std::printf("            alone on one executor:");
  for (const auto& [tokens, seconds] : side.median_seconds_of_one) {
    std::printf(" %d tokens %.2f ms", tokens, 1e3 * seconds);
  }
  std::printf("\n            split over two threads, of that time:");
  for (const auto& [tokens, seconds] : side.median_seconds_of_one_split) {
    std::printf(" %d tokens %.2f", tokens, seconds / side.median_seconds_of_one.at(tokens));
  }
  std::printf("\n");
}

Json SideReport(const Workload& workload, const Side& side) {
  Json row = {{"system", side.name},
              {"sequences_per_second", static_cast<double>(workload.sequences) / side.best_seconds},
              {"tokens_per_second", static_cast<double>(workload.tokens) / side.best_seconds},
              {"precision", side.profile->description().precision},
              {"kernels", side.profile->description().kernels}};
  if (!side.strategy.empty()) {
    row["strategy"] = side.strategy;
    row["padding_ratio"] = side.padding_ratio;
    row["batches"] = side.batches;
  }
  if (side.times.product_macs > 0) {
    const double rate = ProductRate(side.times);
    for (size_t part = 0; part < kParts; ++part) {
      row["parts"][kPartNames[part]] = static_cast<double>(side.times.ns[part]) / Total(side.times);
    }
    row["product_gops_per_thread"] = rate;
    if (side.alone_gops_per_thread) {
      row["alone_product_gops_per_thread"] = *side.alone_gops_per_thread;
      row["of_best_product"] = rate / *side.alone_gops_per_thread;
    }
    if (side.peak) {
      row["register_peak_gops_per_thread"] = side.peak->gops;
      row["register_peak_instruction"] = std::string(side.peak->instruction);
      row["of_register_peak"] = rate / side.peak->gops;
    }
  }
  for (const auto& [tokens, seconds] : side.median_seconds_of_one) {
    row["single_median_ms"][std::to_string(tokens)] = 1e3 * seconds;
  }
  for (const auto& [tokens, seconds] : side.median_seconds_of_one_split) {
    row["single_split_ratio"][std::to_string(tokens)] = seconds / side.median_seconds_of_one.at(tokens);
  }
  return row;
}

}  // namespace

void PrintReport(const Workload& workload, const std::vector<Side>& sides) {
  const bool by_tokens = workload.batch_tokens > 0;
  std::printf("%zu sequences, %zu tokens, batches of %s%zu%s, %d threads, best of %d passes\n", workload.sequences,
              workload.tokens, by_tokens ? "up to " : "", by_tokens ? workload.batch_tokens : workload.batch,
              by_tokens ? " tokens" : "", workload.threads, workload.passes);
  for (const Side& side : sides) PrintSide(workload, side, ComparedWith(side, sides));
}

std::string JsonReport(const Workload& workload, const std::vector<Side>& sides) {
  Json results = Json::array();
  for (const Side& side : sides) results.push_back(SideReport(workload, side));
  Json report = {{"build_type", workload.build_type}, {"sequences", workload.sequences}, {"tokens", workload.tokens},
                 {"batch", workload.batch},           {"threads", workload.threads},     {"passes", workload.passes},
                 {"results", std::move(results)}};
  if (workload.batch_tokens > 0) report["batch_tokens"] = workload.batch_tokens;
  return report.dump();
}

}  // namespace roberta::bench
