#include <algorithm>
#include <array>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "loadtest/report/figures.h"
#include "loadtest/report/numbers.h"
#include "loadtest/report/palette.h"
#include "loadtest/report/sections.h"

namespace roberta::report {

namespace {

using document::BarChart;
using document::Chart;
using document::Heading;
using record::RunRecord;

constexpr std::array<const char*, 6> kPhases = {"tokenize", "queue", "form", "infer", "post", "outside"};
constexpr size_t kMostProfiles = 8;  // whose phases get a chart of their own

std::optional<double> MedianMs(const Repeats& repeats, const char* phase) {
  const auto spread = repeats.Of([&](const RunRecord& run) { return PhaseMs(run, phase); });
  return spread ? std::optional(spread->median) : std::nullopt;
}

double SumMs(const Repeats& repeats) {
  double sum = 0;
  for (const char* phase : kPhases) sum += MedianMs(repeats, phase).value_or(0);
  return sum;
}

const char* Largest(const Repeats& repeats) {
  return *std::max_element(kPhases.begin(), kPhases.end(), [&](const char* a, const char* b) {
    return MedianMs(repeats, a).value_or(0) < MedianMs(repeats, b).value_or(0);
  });
}

/// How the time of a call is shared out, load by load.
Block SharesChart(const ProfileRuns& runs) {
  BarChart chart = {.y_label = "share of a call's time, %", .stacked = true, .y_most = 100, .show_values = false};
  for (const Repeats& repeats : runs.loads) {
    chart.categories.push_back(absl::StrCat(LoadText(repeats.load), ": ", Digits(SumMs(repeats)), " ms"));
  }
  for (const char* phase : kPhases) {
    BarChart::Bars bars = {phase, PhaseStyle(phase), {}, {}};
    for (const Repeats& repeats : runs.loads) {
      const std::optional<double> ms = MedianMs(repeats, phase);
      const double sum = SumMs(repeats);
      bars.values.push_back(ms && sum > 0 ? std::optional(100 * *ms / sum) : std::nullopt);
    }
    chart.bars.push_back(std::move(bars));
  }
  const Repeats& heaviest = runs.loads.back();
  const std::string reading =
      absl::StrFormat("At %s most of the time is %s.", LoadText(heaviest.load), Largest(heaviest));
  return Chart{absl::StrCat(runs.label, ": phases by load"), reading, chart, true};
}

}  // namespace

Block PhaseChart(const std::vector<ProfileRuns>& sorted) {
  BarChart chart = {.y_label = "mean time of a call, ms", .stacked = true};
  std::optional<Load> load = LightestLoad(Pointers(sorted));
  if (!load) load = SharedLoad(Pointers(sorted));
  const auto repeats_of = [&](const ProfileRuns& runs) -> const Repeats& {
    return load ? *runs.At(*load) : Busiest(runs);
  };
  for (const ProfileRuns& runs : sorted) {
    chart.categories.push_back(load ? runs.label : absl::StrCat(runs.label, ", ", LoadText(Busiest(runs).load)));
  }
  for (const char* phase : kPhases) {
    BarChart::Bars bars = {phase, PhaseStyle(phase), {}, {}};
    for (const ProfileRuns& runs : sorted) bars.values.push_back(MedianMs(repeats_of(runs), phase));
    chart.bars.push_back(std::move(bars));
  }
  return Chart{"Where the time of a call goes",
               absl::StrCat(load ? absl::StrCat("At ", LoadText(*load)) : "Each where it answered most",
                            ", by the server's own clock; outside is network and client. Most of it is ",
                            Largest(repeats_of(sorted.front())), "."),
               chart};
}

Blocks PhaseSection(const std::vector<ProfileRuns>& sorted) {
  Blocks blocks = {Heading{"Where the time goes"}, PhaseChart(sorted)};
  for (size_t i = 0; i < std::min(sorted.size(), kMostProfiles); ++i) {
    if (sorted[i].loads.size() > 1) blocks.push_back(SharesChart(sorted[i]));
  }
  return blocks;
}

}  // namespace roberta::report
