#include <algorithm>

#include "absl/strings/str_cat.h"
#include "loadtest/report/figures.h"
#include "loadtest/report/numbers.h"
#include "loadtest/report/sections.h"
#include "loadtest/report/verdict.h"

namespace roberta::report {

namespace {

using document::BarChart;
using document::Chart;

/// A bar a profile, in its colour, with the lowest and the highest of its repeats.
BarChart BarsOf(const std::vector<ProfileRuns>& sorted, const std::string& label,
                const std::function<std::optional<Spread>(const ProfileRuns&)>& figure) {
  BarChart chart = {.y_label = label};
  chart.bars.push_back({"", {}, {}, {}});
  for (const ProfileRuns& runs : sorted) {
    chart.categories.push_back(runs.label);
    chart.category_colours.push_back(runs.style.colour);
    const std::optional<Spread> spread = figure(runs);
    chart.bars[0].values.push_back(spread ? std::optional(spread->median) : std::nullopt);
    const bool range = spread && spread->low < spread->high;
    chart.bars[0].intervals.push_back(range ? std::optional(std::pair(spread->low, spread->high)) : std::nullopt);
  }
  return chart;
}

}  // namespace

Block RateBars(const std::vector<ProfileRuns>& sorted) {
  return Chart{.title = "Texts a second at full load",
               .reading = "Higher is better; the lines reach from the lowest to the highest of the repeated runs.",
               .plot = BarsOf(sorted, "texts/s", FullRate),
               .half = true,
               .missing = "every rate that was asked for was kept up with"};
}

Block LatencyBars(const std::vector<ProfileRuns>& sorted) {
  const std::optional<Load> load = SharedLoad(Pointers(sorted));
  const auto p99 = [&](const ProfileRuns& runs) -> std::optional<Spread> {
    if (!load) return std::nullopt;
    return runs.At(*load)->Of([](const record::RunRecord& run) { return LatencyMs(run, 0.99); });
  };
  return Chart{.title = absl::StrCat("p99 of the latency", load ? absl::StrCat(" at ", LoadText(*load)) : ""),
               .reading = "Lower is better; 99 of 100 answers take at most that long, from the intended send.",
               .plot = BarsOf(sorted, "p99, ms", p99),
               .half = true,
               .missing = "there is no load at which all were run"};
}

Block WeightBars(const std::vector<ProfileRuns>& sorted) {
  const auto weights = [](const ProfileRuns& runs) -> std::optional<Spread> {
    if (runs.description == nullptr || runs.description->weight_bytes <= 0) return std::nullopt;
    const double mib = static_cast<double>(runs.description->weight_bytes) / (1 << 20);
    return Spread{mib, mib, mib};
  };
  return Chart{.title = "Memory of the weights",
               .reading = "What a profile adds to the server's memory when it is loaded.",
               .plot = BarsOf(sorted, "weights, MiB", weights),
               .half = true,
               .missing = "the server does not tell"};
}

}  // namespace roberta::report
