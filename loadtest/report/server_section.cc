#include "loadtest/report/sections.h"

#include <algorithm>
#include <array>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

namespace roberta::loadtest::report {

namespace {

constexpr std::array<const char*, 6> kPhasesInOrder = {"tokenize", "queue", "form", "infer", "post", "outside"};
constexpr size_t kMostProfiles = 8;  // whose phases get a chart of their own

std::optional<double> MedianMs(const Repeats& repeats, const char* phase) {
  return Median(repeats.Of([&](const RunRecord& run) { return PhaseMs(run, phase); }));
}

double SumMs(const Repeats& repeats) {
  double sum = 0;
  for (const char* phase : kPhasesInOrder) sum += MedianMs(repeats, phase).value_or(0);
  return sum;
}

const char* Largest(const Repeats& repeats) {
  return *std::ranges::max_element(kPhasesInOrder, [&](const char* a, const char* b) {
    return MedianMs(repeats, a).value_or(0) < MedianMs(repeats, b).value_or(0);
  });
}

/// How the time of a call is shared out, load by load.
Block SharesChart(const ProfileRuns& runs) {
  BarChart chart = {.y_label = "share of a call's time, %", .stacked = true, .y_most = 100, .show_values = false};
  for (const Repeats& repeats : runs.loads) {
    chart.categories.push_back(absl::StrCat(LoadText(repeats.load), ": ", Digits(SumMs(repeats)), " ms"));
  }
  for (const char* phase : kPhasesInOrder) {
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

/// Of a lone call, or at the load that all share.
Block PhaseChart(const std::vector<ProfileRuns>& sorted) {
  BarChart chart = {.y_label = "mean time of a call, ms", .stacked = true};
  std::optional<Load> load = LightestLoad(PointersTo(sorted));
  if (!load) load = SharedLoad(PointersTo(sorted));
  const auto repeats_of = [&](const ProfileRuns& runs) -> const Repeats& {
    return load ? *runs.At(*load) : Busiest(runs);
  };
  for (const ProfileRuns& runs : sorted) {
    chart.categories.push_back(load ? runs.label : absl::StrCat(runs.label, ", ", LoadText(Busiest(runs).load)));
  }
  for (const char* phase : kPhasesInOrder) {
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

std::string WhyNoCounters(const std::vector<ProfileRuns>& sorted) {
  const std::vector<std::string> reasons = Reasons(RunsOf(sorted), &RunRecord::counters);
  return reasons.empty() ? "the server's counters are not in the record" : reasons.front();
}

/// `figure` against what was answered.
Chart AgainstRate(const std::vector<ProfileRuns>& sorted, const std::string& title, const std::string& label,
                  const RunFigure& figure) {
  LineChart chart;
  chart.x = {.label = "answered, texts/s", .from_zero = true};
  chart.y = {.label = label, .from_zero = true};
  for (const ProfileRuns& runs : sorted) {
    for (document::Series& series : SeriesOverLoads(runs, TextsPerSecond, figure, false)) {
      chart.series.push_back(std::move(series));
    }
  }
  return {.title = title, .reading = "", .plot = chart, .half = true, .missing = WhyNoCounters(sorted)};
}

std::optional<double> MostPadding(const std::vector<ProfileRuns>& sorted) {
  std::optional<double> most;
  for (const ProfileRuns& runs : sorted) {
    for (const Repeats& repeats : runs.loads) {
      if (const auto padding = repeats.Of(PaddingShare)) most = std::max(most.value_or(0), padding->high);
    }
  }
  return most;
}

Block BatchTable(const std::vector<ProfileRuns>& sorted) {
  Table table = {"What the batches held",
                 Columns({"profile", "load"}, {"texts in a batch", "tokens in a batch", "of it padding"}),
                 {}};
  for (const ProfileRuns& runs : sorted) {
    for (const Repeats& repeats : runs.loads) {
      table.rows.push_back({{runs.label, false, runs.style.color},
                            {LoadText(repeats.load)},
                            {Decimals(repeats.Of(TextsInBatch), 2)},
                            {Decimals(repeats.Of(TokensInBatch), 1)},
                            {Percent(Median(repeats.Of(PaddingShare)))}});
    }
  }
  return table;
}

std::string WhyNoResources(const std::vector<ProfileRuns>& sorted) {
  RunPointers drawn;
  for (const ProfileRuns& runs : sorted) drawn.push_back(Busiest(runs).runs.front());
  const std::vector<std::string> reasons = Reasons(drawn, &RunRecord::resources);
  if (!reasons.empty()) return reasons.front();
  return std::ranges::any_of(drawn, [](const RunRecord* run) { return !run->resources.samples.empty(); })
             ? "the runs were too short for two readings of the server's metrics page"
             : "the server's process was not watched";
}

Chart OverTime(const std::vector<ProfileRuns>& sorted, const std::string& title, const std::string& label,
               std::vector<Point> (*points_of)(const RunRecord&), const std::string& reading) {
  LineChart chart;
  chart.x = {.label = "time since the run began, s", .from_zero = true};
  chart.y = {.label = label, .from_zero = true};
  for (const ProfileRuns& runs : sorted) {
    chart.series.push_back({runs.label, runs.style, points_of(*Busiest(runs).runs.front()), false});
  }
  return {.title = title, .reading = reading, .plot = chart, .half = true, .missing = WhyNoResources(sorted)};
}

Block ResourceTable(const std::vector<ProfileRuns>& sorted) {
  Table table = {"Where each answered most",
                 Columns({"profile", "load"}, {"weights, MiB", "process at most, MiB", "busy cores"}),
                 {}};
  for (const ProfileRuns& runs : sorted) {
    const Repeats& busiest = Busiest(runs);
    const std::optional<double> weights = WeightMib(runs);
    table.rows.push_back({{runs.label, false, runs.style.color},
                          {LoadText(busiest.load)},
                          {weights ? Decimals(*weights, 1) : kNotMeasured},
                          {Decimals(busiest.Of(ResidentMib), 1)},
                          {Decimals(busiest.Of(BusyCores), 2)}});
  }
  return table;
}

bool SeveralInOneProcess(const std::vector<ProfileRuns>& sorted) {
  return std::ranges::any_of(sorted, [](const ProfileRuns& runs) {
    const auto& profiles = Busiest(runs).runs.front()->server.profiles;
    return std::ranges::count_if(profiles, [](const auto& one) { return one.state == "READY"; }) > 1;
  });
}

}  // namespace

Blocks PhaseSection(const std::vector<ProfileRuns>& sorted) {
  Blocks blocks = {Heading{"Where the time goes"}, PhaseChart(sorted)};
  for (size_t i = 0; i < std::min(sorted.size(), kMostProfiles); ++i) {
    if (sorted[i].loads.size() > 1) blocks.push_back(SharesChart(sorted[i]));
  }
  return blocks;
}

Blocks BatchSection(const std::vector<ProfileRuns>& sorted) {
  Chart batch = AgainstRate(sorted, "Batch size against rate", "mean texts in a batch", TextsInBatch);
  batch.reading = "Batches grow with the load: that is how the server makes up for it." + HollowMarksText(sorted);
  const auto percent = [](const RunRecord& run) -> std::optional<double> {
    const std::optional<double> share = PaddingShare(run);
    return share ? std::optional(100 * *share) : std::nullopt;
  };
  Chart padding = AgainstRate(sorted, "Padding against rate", "padding, % of a batch's positions", percent);
  padding.reading = "Padding is computed for nothing; lower is better.";
  Blocks blocks = {Heading{"Batches and padding"}};
  if (const std::optional<double> most = MostPadding(sorted); most && *most <= 0) {
    batch.half = false;
    absl::StrAppend(&batch.reading, " No batch held any padding.");
    blocks.emplace_back(batch);
  } else {
    blocks.insert(blocks.end(), {batch, padding});
  }
  blocks.push_back(BatchTable(sorted));
  Append(MissingNote(Reasons(RunsOf(sorted), &RunRecord::counters)), &blocks);
  return blocks;
}

Blocks ResourceSection(const std::vector<ProfileRuns>& sorted) {
  Blocks blocks = {Heading{"Memory and CPU"},
                   OverTime(sorted, "Memory over time", "resident memory, MiB", ResidentOverTime,
                            "A line that goes on rising would be a leak."),
                   OverTime(sorted, "CPU over time", "busy cores", BusyCoresOverTime,
                            "At full load all cores that the server may use are busy."),
                   ResourceTable(sorted)};
  if (SeveralInOneProcess(sorted)) {
    blocks.emplace_back(
        Paragraph{"The process held all profiles that the server had loaded, so its memory is not that of one profile.",
                  TextStyle::kNote});
  }
  Append(MissingNote(Reasons(RunsOf(sorted), &RunRecord::resources)), &blocks);
  return blocks;
}

std::vector<document::Point> ResidentOverTime(const RunRecord& run) {
  std::vector<Point> points;
  for (const auto& sample : run.resources.samples) {
    points.push_back({sample.seconds, static_cast<double>(sample.resident_bytes) / (1 << 20), std::nullopt});
  }
  return points;
}

std::vector<document::Point> BusyCoresOverTime(const RunRecord& run) {
  std::vector<Point> points;
  const auto& samples = run.resources.samples;
  for (size_t i = 1; i < samples.size(); ++i) {
    const double seconds = samples[i].seconds - samples[i - 1].seconds;
    if (seconds <= 0) continue;
    const double cores = (samples[i].cpu_seconds - samples[i - 1].cpu_seconds) / seconds;
    points.push_back({samples[i].seconds - seconds / 2, cores, std::nullopt});
  }
  return points;
}

}  // namespace roberta::loadtest::report
