#include <set>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "loadtest/record/cross_check.h"
#include "loadtest/report/numbers.h"
#include "loadtest/report/sections.h"

namespace roberta::report {

namespace {

using document::Align;
using document::Cell;
using document::Heading;
using document::Paragraph;
using document::Table;

constexpr size_t kMostGaps = 4;  // that are told

stats::Tally SumOf(const Repeats& repeats) {
  stats::Tally sum;
  for (const record::RunRecord* run : repeats.runs) sum.Merge(run->result.Total());
  return sum;
}

std::string InSum(const std::vector<ProfileRuns>& sorted) {
  int64_t sent = 0, answered = 0;
  for (const ProfileRuns& runs : sorted) {
    for (const Repeats& repeats : runs.loads) {
      const stats::Tally sum = SumOf(repeats);
      sent += sum.sent;
      answered += sum.Count(stats::Outcome::kAnswered);
    }
  }
  if (sent == answered) return absl::StrCat("All ", Count(sent), " requests were answered.");
  return absl::StrCat("Of ", Count(sent), " requests ", Count(answered), " were answered. The others, by gRPC code:");
}

/// A box if what the server's answers said of themselves does not agree with its counters.
Blocks CrossCheck(const std::vector<ProfileRuns>& sorted) {
  std::vector<std::string> gaps;
  size_t runs_with_gaps = 0;
  for (const ProfileRuns& runs : sorted) {
    for (const Repeats& repeats : runs.loads) {
      for (const record::RunRecord* run : repeats.runs) {
        const std::vector<std::string> own = record::ServerGaps(run->result, run->counters);
        if (!own.empty()) ++runs_with_gaps;
        for (const std::string& gap : own) {
          gaps.push_back(absl::StrCat(runs.label, " at ", LoadText(repeats.load), ": ", gap));
        }
      }
    }
  }
  if (gaps.empty()) return {};
  const size_t more = gaps.size() > kMostGaps ? gaps.size() - kMostGaps : 0;
  gaps.resize(gaps.size() - more);
  return {Paragraph{
      absl::StrCat("The server's counters and its answers do not agree in ", Some(runs_with_gaps, "a run", "runs"),
                   ": ", absl::StrJoin(gaps, "; "), more > 0 ? absl::StrCat("; and ", more, " more") : "", "."),
      document::TextStyle::kWarning}};
}

}  // namespace

Blocks OutcomeSection(const std::vector<ProfileRuns>& sorted) {
  std::set<absl::StatusCode> codes;
  for (const ProfileRuns& runs : sorted) {
    for (const Repeats& repeats : runs.loads) {
      for (const auto& [code, count] : SumOf(repeats).codes) codes.insert(code);
    }
  }
  Table table = {"What became of the requests", {{"profile", Align::kText}, {"load", Align::kText}, {"sent"}}, {}};
  for (const absl::StatusCode code : codes) table.columns.push_back({absl::StatusCodeToString(code)});
  for (const ProfileRuns& runs : sorted) {
    for (const Repeats& repeats : runs.loads) {
      const stats::Tally sum = SumOf(repeats);
      std::vector<Cell> row = {{runs.label, false, runs.style.colour}, {LoadText(repeats.load)}, {Count(sum.sent)}};
      for (const absl::StatusCode code : codes) {
        const auto found = sum.codes.find(code);
        row.push_back({Count(found == sum.codes.end() ? 0 : found->second)});
      }
      table.rows.push_back(std::move(row));
    }
  }
  Blocks blocks = {Heading{"Answers and refusals"}, Paragraph{InSum(sorted)}};
  Append(CrossCheck(sorted), &blocks);
  blocks.push_back(table);
  return blocks;
}

}  // namespace roberta::report
