#include <algorithm>

#include "absl/strings/str_cat.h"
#include "loadtest/report/figures.h"
#include "loadtest/report/numbers.h"
#include "loadtest/report/sections.h"

namespace roberta::report {

namespace {

using document::Align;
using document::Chart;
using document::Heading;
using document::LineChart;
using document::Paragraph;
using document::Point;
using document::Table;
using document::TextStyle;
using record::RunRecord;

constexpr double kMib = 1 << 20;

std::string MissingResources(const RunRecord& run) {
  return run.resources.missing;
}

std::string FirstReason(const std::vector<ProfileRuns>& sorted) {
  for (const ProfileRuns& runs : sorted) {
    const std::string& missing = Busiest(runs).runs.front()->resources.missing;
    if (!missing.empty()) return missing;
  }
  const bool any = std::any_of(sorted.begin(), sorted.end(), [](const ProfileRuns& runs) {
    return !Busiest(runs).runs.front()->resources.samples.empty();
  });
  return any ? "the runs were too short for two readings of the server's metrics page"
             : "the server's process was not watched";
}

Chart OverTime(const std::vector<ProfileRuns>& sorted, std::vector<Point> (*points_of)(const RunRecord&)) {
  LineChart chart;
  chart.x = {.label = "time since the run began, s", .from_zero = true};
  chart.y.from_zero = true;
  for (const ProfileRuns& runs : sorted) {
    chart.series.push_back({runs.label, runs.style, points_of(*Busiest(runs).runs.front()), false});
  }
  return {.title = "", .reading = "", .plot = chart, .half = true, .missing = FirstReason(sorted)};
}

Block ResourceTable(const std::vector<ProfileRuns>& sorted) {
  Table table = {
      "Where each answered most",
      {{"profile", Align::kText}, {"load", Align::kText}, {"weights, MiB"}, {"process at most, MiB"}, {"busy cores"}},
      {}};
  for (const ProfileRuns& runs : sorted) {
    const Repeats& busiest = Busiest(runs);
    const bool known = runs.description != nullptr && runs.description->weight_bytes > 0;
    table.rows.push_back(
        {{runs.label, false, runs.style.colour},
         {LoadText(busiest.load)},
         {known ? Decimals(static_cast<double>(runs.description->weight_bytes) / kMib, 1) : kNotMeasured},
         {Decimals(busiest.Of(ResidentMib), 1)},
         {Decimals(busiest.Of(BusyCores), 2)}});
  }
  return table;
}

bool SeveralInOneProcess(const std::vector<ProfileRuns>& sorted) {
  return std::any_of(sorted.begin(), sorted.end(), [](const ProfileRuns& runs) {
    const auto& profiles = Busiest(runs).runs.front()->server.profiles;
    return std::count_if(profiles.begin(), profiles.end(), [](const auto& one) { return one.state == "READY"; }) > 1;
  });
}

}  // namespace

Blocks ResourceSection(const std::vector<ProfileRuns>& sorted) {
  Chart memory = OverTime(sorted, ResidentOverTime);
  memory.title = "Memory over time";
  memory.reading = "A line that goes on rising would be a leak.";
  std::get<LineChart>(memory.plot).y.label = "resident memory, MiB";
  Chart cpu = OverTime(sorted, BusyCoresOverTime);
  cpu.title = "CPU over time";
  cpu.reading = "At full load all cores that the server may use are busy.";
  std::get<LineChart>(cpu.plot).y.label = "busy cores";
  Blocks blocks = {Heading{"Memory and CPU"}, memory, cpu, ResourceTable(sorted)};
  if (SeveralInOneProcess(sorted)) {
    blocks.emplace_back(
        Paragraph{"The process held all profiles that the server had loaded, so its memory is not that of one profile.",
                  TextStyle::kNote});
  }
  Append(MissingNote(sorted, MissingResources), &blocks);
  return blocks;
}

}  // namespace roberta::report
