#include "loadtest/report/sections.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "loadtest/report/verdict.h"

namespace roberta::loadtest::report {

namespace {

using document::Series;

constexpr double kMostOdds = 20'000;  // 1 in: beyond 99.99 % a percentile is one request

std::string NameOf(const ProfileRuns& runs, bool with_load) {
  return with_load ? absl::StrCat(runs.label, " (", LoadText(Busiest(runs).load), ")") : runs.label;
}

bool HasBothLoops(const ProfileRuns& runs) {
  return !runs.loads.front().load.open && runs.loads.back().load.open;
}

/// A bar a profile, in its color.
BarChart BarsOf(const std::vector<ProfileRuns>& sorted, const std::string& y_label,
                const std::function<std::optional<Spread>(const ProfileRuns&)>& figure) {
  std::vector<Bar> bars;
  for (const ProfileRuns& runs : sorted) bars.push_back({runs.label, runs.style.color, figure(runs)});
  return BarsOf(bars, y_label);
}

}  // namespace

std::vector<Series> SeriesOverLoads(const ProfileRuns& runs, const RunFigure& x, const RunFigure& y, bool interval) {
  const bool both = HasBothLoops(runs);
  Series line = {runs.label, runs.style, {}}, marks = {"", runs.style, {}, true, false};
  for (const Repeats& repeats : runs.loads) {
    const std::optional<Spread> at = repeats.Of(x), value = repeats.Of(y);
    if (!at || !value) continue;
    Point point = {at->median, value->median, std::nullopt};
    if (interval && repeats.runs.size() > 1) point.interval = {value->low, value->high};
    (both && repeats.load.open ? marks : line).points.push_back(point);
  }
  std::vector<Series> series = {std::move(line)};
  if (both) series.push_back(std::move(marks));
  return series;
}

std::string HollowMarksText(const std::vector<ProfileRuns>& sorted) {
  return std::ranges::any_of(sorted, HasBothLoops) ? " Hollow: an open loop." : "";
}

Block ThroughputChart(const std::vector<ProfileRuns>& sorted) {
  LineChart chart;
  chart.x = {.label = "answered, texts/s", .from_zero = true};
  chart.y = {.label = "p99, ms", .logarithmic = true};
  std::string reading =
      "Latency from the intended send. Further right is more work done, lower is sooner; a point is a load.";
  double most = 0;
  const ProfileRuns* furthest = nullptr;
  for (const ProfileRuns& runs : sorted) {
    for (Series& series : SeriesOverLoads(runs, TextsPerSecond, LatencyAt(0.99), true)) {
      for (const Point& point : series.points) {
        if (point.x > most) most = point.x, furthest = &runs;
      }
      chart.series.push_back(std::move(series));
    }
  }
  absl::StrAppend(&reading, HollowMarksText(sorted));
  if (furthest != nullptr)
    absl::StrAppend(&reading, " ", furthest->label, " gets furthest: ", Digits(most), " texts/s.");
  return Chart{"Throughput against latency", reading, chart};
}

Block PercentileChart(const std::vector<ProfileRuns>& sorted) {
  LineChart chart;
  chart.x = {.label = "percentile of the answered requests",
             .logarithmic = true,
             .ticks = {{1, "0"}, {2, "50"}, {10, "90"}, {100, "99"}, {1000, "99.9"}, {10000, "99.99"}}};
  chart.y = {.label = "latency, ms", .logarithmic = true};
  const std::optional<Load> shared = SharedLoad(PointersTo(sorted));
  const ProfileRuns* best = nullptr;
  double least = 0;
  for (const ProfileRuns& runs : sorted) {
    stats::Histogram all;
    const Repeats& repeats = shared ? *runs.At(*shared) : Busiest(runs);
    for (const RunRecord* run : repeats.runs) all.Merge(run->result.Total().answered_from_intended);
    Series series = {NameOf(runs, !shared), runs.style, {}};
    // Up to where a percentile rests on more than a request.
    for (double odds = 1; all.count() > 0 && odds <= static_cast<double>(all.count()) && odds <= kMostOdds;
         odds *= 1.15) {
      series.points.push_back({odds, static_cast<double>(all.ValueAt(1 - 1 / odds)) / 1e6, std::nullopt});
    }
    const double p99 = static_cast<double>(all.ValueAt(0.99)) / 1e6;
    if (all.count() > 0 && (best == nullptr || p99 < least)) least = p99, best = &runs;
    chart.series.push_back(std::move(series));
  }
  std::string reading = absl::StrCat(shared ? absl::StrCat("At ", LoadText(*shared)) : "Each where it answered most",
                                     ", from the intended send; a flat line is a steady server.");
  if (best != nullptr) {
    absl::StrAppend(&reading, " Of ", best->label, " 99 of 100 answers take at most ", Digits(least), " ms.");
  }
  return Chart{"Latency by percentile", reading, chart};
}

Block TimelineChart(const std::vector<ProfileRuns>& sorted) {
  LineChart chart;
  chart.x = {.label = "time since the run began, s", .from_zero = true};
  int64_t longest = 1;
  for (const ProfileRuns& runs : sorted) {
    Series series = {NameOf(runs, true), runs.style, {}, false};
    const runner::RunResult& result = Busiest(runs).runs.front()->result;
    const auto seconds = static_cast<double>(result.window_seconds);
    longest = std::max(longest, result.window_seconds);
    // The last one is not whole.
    for (size_t i = 0; i + 1 < result.windows.size(); ++i) {
      series.points.push_back({(static_cast<double>(i) + 0.5) * seconds,
                               static_cast<double>(result.windows[i].answered) / seconds, std::nullopt});
    }
    chart.series.push_back(std::move(series));
  }
  chart.y = {.label = longest == 1 ? "answers in that second" : "answers/s", .from_zero = true};
  const std::string mean = longest == 1 ? "" : absl::StrCat(" A point is the mean of up to ", longest, " s.");
  return Chart{.title = "Rate over time",
               .reading =
                   "The first run of each profile at its busiest load, including the warm-up; a dip is a stall of "
                   "the server or of the machine." +
                   mean,
               .plot = chart,
               .missing = "the runs were shorter than a second"};
}

Block RunTable(const std::vector<ProfileRuns>& sorted) {
  constexpr record::Place kHere = record::Place::kReport;
  Table table = {"Every run", Columns({"profile", "load"}), {}};
  for (const record::Figure& figure : record::Figures()) {
    if (!figure.NameIn(kHere).empty()) table.columns.push_back({std::string(figure.NameIn(kHere))});
  }
  for (const ProfileRuns& runs : sorted) {
    for (const RunRecord* run : RunsOf({runs})) {
      const std::string mark = Mark(*run);
      std::vector<Cell>& row = table.rows.emplace_back();
      row = {{runs.label, false, runs.style.color},
             {absl::StrCat(LoadText(LoadOf(*run)), mark.empty() ? "" : ", ", mark)}};
      for (const record::Figure& figure : record::Figures()) {
        if (figure.NameIn(kHere).empty()) continue;
        const std::string text = figure.TextOf(*run, kHere);
        row.push_back({text.empty() ? kNotMeasured : WithSeparators(text)});
      }
    }
  }
  return table;
}

BarChart BarsOf(const std::vector<Bar>& bars, const std::string& y_label) {
  BarChart chart = {.y_label = y_label};
  chart.bars.push_back({"", {}, {}, {}});
  for (const Bar& bar : bars) {
    chart.categories.push_back(bar.name);
    chart.category_colors.push_back(bar.color);
    chart.bars[0].values.push_back(Median(bar.spread));
    const bool range = bar.spread && bar.spread->low < bar.spread->high;
    chart.bars[0].intervals.push_back(range ? std::optional(std::pair(bar.spread->low, bar.spread->high))
                                            : std::nullopt);
  }
  return chart;
}

Block RateBars(const std::vector<ProfileRuns>& sorted) {
  return Chart{.title = "Texts a second at full load",
               .reading = "Higher is better; the lines reach from the lowest to the highest of the repeated runs.",
               .plot = BarsOf(sorted, "texts/s", FullRate),
               .half = true,
               .missing = "every rate that was asked for was kept up with"};
}

Block LatencyBars(const std::vector<ProfileRuns>& sorted) {
  const std::optional<Load> load = SharedLoad(PointersTo(sorted));
  const auto p99 = [&](const ProfileRuns& runs) -> std::optional<Spread> {
    return load ? runs.At(*load)->Of(LatencyAt(0.99)) : std::nullopt;
  };
  return Chart{.title = absl::StrCat("p99 of the latency", load ? absl::StrCat(" at ", LoadText(*load)) : ""),
               .reading = "Lower is better; 99 of 100 answers take at most that long, from the intended send.",
               .plot = BarsOf(sorted, "p99, ms", p99),
               .half = true,
               .missing = "there is no load at which all were run"};
}

Block WeightBars(const std::vector<ProfileRuns>& sorted) {
  const auto weights = [](const ProfileRuns& runs) -> std::optional<Spread> {
    const std::optional<double> mib = WeightMib(runs);
    return mib ? std::optional(Spread{*mib, *mib, *mib}) : std::nullopt;
  };
  return Chart{.title = "Memory of the weights",
               .reading = "What a profile adds to the server's memory when it is loaded.",
               .plot = BarsOf(sorted, "weights, MiB", weights),
               .half = true,
               .missing = "the server does not report it"};
}

}  // namespace roberta::loadtest::report
