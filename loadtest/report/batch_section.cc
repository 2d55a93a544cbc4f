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
using document::Table;
using record::RunRecord;

std::string MissingCounters(const RunRecord& run) {
  return run.counters.missing;
}

std::string FirstReason(const std::vector<ProfileRuns>& sorted) {
  for (const ProfileRuns& runs : sorted) {
    for (const Repeats& repeats : runs.loads) {
      for (const RunRecord* run : repeats.runs) {
        if (!run->counters.missing.empty()) return run->counters.missing;
      }
    }
  }
  return "the server's counters are not in the record";
}

/// `figure` against what was answered.
Chart AgainstRate(const std::vector<ProfileRuns>& sorted, const std::string& label, const RunFigure& figure) {
  LineChart chart;
  chart.x = {.label = "answered, texts/s", .from_zero = true};
  chart.y = {.label = label, .from_zero = true};
  for (const ProfileRuns& runs : sorted) {
    for (document::Series& series : SeriesOverLoads(runs, TextsPerSecond, figure, false)) {
      chart.series.push_back(std::move(series));
    }
  }
  return {.title = "", .reading = "", .plot = chart, .half = true, .missing = FirstReason(sorted)};
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
                 {{"profile", Align::kText},
                  {"load", Align::kText},
                  {"texts in a batch"},
                  {"tokens in a batch"},
                  {"of it padding"}},
                 {}};
  for (const ProfileRuns& runs : sorted) {
    for (const Repeats& repeats : runs.loads) {
      const std::optional<Spread> padding = repeats.Of(PaddingShare);
      table.rows.push_back({{runs.label, false, runs.style.colour},
                            {LoadText(repeats.load)},
                            {Decimals(repeats.Of(TextsInBatch), 2)},
                            {Decimals(repeats.Of(TokensInBatch), 1)},
                            {Percent(padding ? std::optional(padding->median) : std::nullopt)}});
    }
  }
  return table;
}

}  // namespace

Blocks BatchSection(const std::vector<ProfileRuns>& sorted) {
  Chart batch = AgainstRate(sorted, "mean texts in a batch", TextsInBatch);
  batch.title = "Batch size against rate";
  batch.reading = "Batches grow with the load: that is how the server makes up for it." + HollowMarksText(sorted);
  Chart padding = AgainstRate(sorted, "padding, % of a batch's positions", [](const RunRecord& run) {
    const std::optional<double> share = PaddingShare(run);
    return share ? std::optional(100 * *share) : std::nullopt;
  });
  padding.title = "Padding against rate";
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
  Append(MissingNote(sorted, MissingCounters), &blocks);
  return blocks;
}

}  // namespace roberta::report
