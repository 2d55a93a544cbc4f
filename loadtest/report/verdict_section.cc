#include "loadtest/report/sections.h"

#include <algorithm>
#include <set>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "loadtest/report/verdict.h"

namespace roberta::loadtest::report {

namespace {

Cell SpeedUpCell(const ProfileRuns* baseline, const ProfileRuns& runs, bool strong) {
  const std::optional<SpeedUp> speed_up = baseline == nullptr ? std::nullopt : SpeedUpOf(*baseline, runs);
  return speed_up ? RangeCell(speed_up->ratio, 2, strong) : Cell{kNotMeasured};
}

std::string LatencyCell(const ProfileRuns& runs, const std::optional<Load>& shared, double quantile) {
  const Repeats& repeats = shared ? *runs.At(*shared) : Busiest(runs);
  return Decimals(repeats.Of(LatencyAt(quantile)), 2);
}

std::string Remark(const Verdict& verdict, const ProfileRuns* baseline, const ProfileRuns& runs) {
  std::vector<std::string> remarks;
  if (verdict.recommended == &runs) remarks.emplace_back("recommended");
  if (const std::string why_not = WhyNot(baseline, runs); !why_not.empty()) remarks.push_back(why_not);
  std::set<std::string> marks;
  for (const RunRecord* run : Busiest(runs).runs) marks.insert(Mark(*run));
  for (const std::string& mark : marks) {
    if (!mark.empty()) remarks.push_back(mark);
  }
  return absl::StrJoin(remarks, ", ");
}

/// "16 users of baseline", each once.
std::string Where(const std::vector<ProfileRuns>& sorted, const std::string& mark) {
  std::vector<std::string> places;
  for (const ProfileRuns& runs : sorted) {
    for (const Repeats& repeats : runs.loads) {
      const auto marked = std::ranges::count_if(repeats.runs, [&](const RunRecord* run) { return Mark(*run) == mark; });
      if (marked > 0) places.push_back(absl::StrCat(runs.label, " at ", LoadText(repeats.load)));
    }
  }
  constexpr size_t kMostPlaces = 6;
  const size_t more = places.size() > kMostPlaces ? places.size() - kMostPlaces : 0;
  places.resize(places.size() - more);
  if (more > 0) places.push_back(absl::StrCat(more, " more"));
  return List(places);
}

}  // namespace

Blocks Warnings(const std::vector<ProfileRuns>& sorted) {
  const RunPointers all = RunsOf(sorted);
  const auto partial =
      std::ranges::count_if(all, [](const RunRecord* run) { return run->result.end != runner::End::kComplete; });
  std::set<std::string> faults;
  for (const RunRecord* run : all) {
    for (const std::string& fault : run->result.Faults()) faults.insert(fault);
  }
  Blocks warnings;
  if (partial > 0) {
    warnings.emplace_back(
        Paragraph{absl::StrFormat("Partial: %d of %d runs broke off (%s). Their figures are of the part that was run.",
                                  partial, all.size(), Where(sorted, "partial")),
                  TextStyle::kWarning});
  }
  if (!faults.empty()) {
    const std::string where = Where(sorted, "invalid");
    warnings.emplace_back(
        Paragraph{absl::StrCat("Not valid: some figures", where.empty() ? "" : absl::StrCat(" (", where, ")"),
                               " are the load generator's, not the server's: ", absl::StrJoin(faults, "; "), "."),
                  TextStyle::kWarning});
  }
  return warnings;
}

Block WordsTable(const std::vector<ProfileRuns>& sorted) {
  Table table = {"Profile by profile", Columns({"", ""}), {}};
  const ProfileRuns* const baseline = FindBaseline(sorted);
  for (const ProfileRuns& runs : sorted) {
    table.rows.push_back({{runs.label, true, runs.style.color}, {InWords(baseline, runs)}});
  }
  return table;
}

Block VerdictTable(const std::vector<ProfileRuns>& sorted) {
  const std::optional<Load> shared = SharedLoad(PointersTo(sorted));
  Table table = {
      shared ? absl::StrCat("Profiles side by side, latency at ", LoadText(*shared)) : "Profiles at their highest rate",
      Columns({"profile"},
              {"texts/s", "times baseline", "p50, ms", "p99, ms", "accuracy", "against baseline, points", "agreement"},
              {"remark"}),
      {}};
  const Verdict verdict = Judge(sorted);
  const ProfileRuns* const baseline = FindBaseline(sorted);
  const std::vector<Answers> all = AnswersOfAll(sorted);
  for (size_t i = 0; i < sorted.size(); ++i) {
    const ProfileRuns& runs = sorted[i];
    const Answers& answers = all[i];
    const bool best = verdict.recommended == &runs;
    table.rows.push_back({{runs.label, best, runs.style.color},
                          {Decimals(FullRate(runs), 1), best},
                          SpeedUpCell(baseline, runs, best),
                          {LatencyCell(runs, shared, 0.5)},
                          {LatencyCell(runs, shared, 0.99)},
                          {Percent(answers.accuracy)},
                          answers.difference ? DifferenceCell(answers, false) : Cell(),
                          {Percent(answers.agreement)},
                          {Remark(verdict, baseline, runs)}});
  }
  return WithoutEmptyColumns(table);
}

Blocks VerdictSection(const std::vector<ProfileRuns>& sorted) {
  Blocks blocks;
  blocks.emplace_back(Heading{"Verdict"});
  blocks.emplace_back(Paragraph{Judge(sorted).text, TextStyle::kLead});
  Append(Warnings(sorted), &blocks);
  blocks.push_back(WordsTable(sorted));
  blocks.push_back(VerdictTable(sorted));
  return blocks;
}

}  // namespace roberta::loadtest::report
