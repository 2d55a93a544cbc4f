#include "loadtest/report/reports.h"

#include <algorithm>
#include <set>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "loadtest/report/sections.h"
#include "loadtest/report/verdict.h"

namespace roberta::loadtest::report {

using document::Document;

namespace {

/// Runs without a variant; those with one have sections of their own. If all have one, all.
RunPointers RunsToCompare(const record::Series& series) {
  RunPointers runs;
  for (const RunRecord& run : series.runs) {
    if (run.settings.variant.empty()) runs.push_back(&run);
  }
  return runs.empty() ? PointersTo(series.runs) : runs;
}

Document NewDocument(const std::string& title, const std::string& program) {
  return {.title = title,
          .footer = absl::StrCat(title, " · ", program),
          .subject = "Load test of a text classification server",
          .keywords = {"RoBERTa", "load test", "latency", "throughput"},
          .creator = program};
}

/// Searches keep no run, so where and how they were made is not known.
Document SearchReport(const std::vector<record::RateSearch>& searches, const std::string& title) {
  Document document = NewDocument(title, "roberta-loadtest");
  document.blocks = SearchSection(searches, {});
  document.blocks.emplace_back(Paragraph{
      "The records hold searches and no run: latency, phases, quality and where it was measured are not in them.",
      TextStyle::kNote});
  return document;
}

constexpr size_t kDigitsOfRevision = 12;

std::string OrUnknown(const std::string& text) {
  return text.empty() ? "unknown" : text;
}

/// Of a processor's many flags those that make a difference here.
std::string InstructionSets(const std::string& flags) {
  std::vector<std::string> sets;
  for (const auto flag : absl::StrSplit(flags, ' ')) {
    const std::string name(flag);
    if (name.rfind("avx", 0) == 0 || name.rfind("amx", 0) == 0 || name == "fma") sets.push_back(name);
  }
  return absl::StrJoin(sets, " ");
}

std::string PlaceKey(const RunRecord& run) {
  return absl::StrJoin({run.environment.cpu_model, run.environment.kernel, run.environment.program_version,
                        run.environment.program_commit, run.server.model, run.server.model_revision},
                       "\n");
}

/// The first run of each place.
RunPointers Places(const RunPointers& runs) {
  RunPointers places;
  std::set<std::string> seen;
  for (const RunRecord* run : runs) {
    if (seen.insert(PlaceKey(*run)).second) places.push_back(run);
  }
  return places;
}

Block PlaceTable(const RunPointers& places) {
  Table table = {"", Columns({""}), {}};
  for (size_t i = 0; i < places.size(); ++i) {
    table.columns.push_back({places.size() == 1 ? "" : absl::StrCat("place ", i + 1), Align::kText});
  }
  const auto add = [&](const std::string& name, const std::function<std::string(const RunRecord&)>& value) {
    std::vector<Cell> row = {{name, true}};
    for (const RunRecord* place : places) row.push_back({OrUnknown(value(*place))});
    table.rows.push_back(std::move(row));
  };
  add("model", [](const RunRecord& run) {
    const auto& server = run.server;
    return absl::StrCat(server.model, server.model_revision.empty() ? "" : ", revision ", server.model_revision);
  });
  add("processor", [](const RunRecord& run) { return run.environment.cpu_model; });
  add("instruction sets", [](const RunRecord& run) { return InstructionSets(run.environment.cpu_flags); });
  add("cores", [](const RunRecord& run) {
    return absl::StrCat(run.environment.cores, ", of which the load generator could use ",
                        run.environment.usable_cores);
  });
  add("system", [](const RunRecord& run) { return run.environment.kernel; });
  add("load before the run", [](const RunRecord& run) {
    return absl::StrFormat("%.2f tasks in the last minute", run.environment.load_average);
  });
  add("measured", [](const RunRecord& run) { return run.environment.started_at; });
  add("by", [](const RunRecord& run) {
    return absl::StrCat("roberta-loadtest ", run.environment.program_version, " (", run.environment.program_commit,
                        ")");
  });
  return table;
}

/// What the server says of its profiles; nothing if it says nothing.
Blocks ProfileTable(const RunRecord& run) {
  if (run.server.profiles.empty()) return {};
  Table table = {
      "Profiles, as the server describes them", Columns({"profile", "computes in", "kernels", "revision"}), {}};
  for (const auto& profile : run.server.profiles) {
    if (profile.state == "READY") {
      table.rows.push_back({{profile.name},
                            {OrUnknown(profile.precision)},
                            {OrUnknown(absl::StrJoin(profile.kernels, " + "))},
                            {OrUnknown(profile.revision.substr(0, kDigitsOfRevision))}});
    } else {
      table.rows.push_back({{profile.name}, {profile.state}, {profile.reason}, {""}});
    }
  }
  return {table};
}

/// "10" or "5 to 10".
std::string RangeOf(const RunPointers& runs, const std::function<double(const RunRecord&)>& value) {
  double least = value(*runs.front()), most = least;
  for (const RunRecord* run : runs) {
    least = std::min(least, value(*run));
    most = std::max(most, value(*run));
  }
  return least == most ? absl::StrFormat("%g", least) : absl::StrFormat("%g to %g", least, most);
}

std::string HowRun(const RunPointers& runs) {
  std::set<std::string> texts;
  for (const RunRecord* run : runs) {
    for (const record::Settings::Class& one : run->settings.classes) {
      texts.insert(absl::StrFormat("%s (%d texts from %s, %.3g %% of the requests)", one.name, one.texts, one.source,
                                   100 * one.share));
    }
  }
  const std::string items =
      RangeOf(runs, [](const RunRecord& run) { return static_cast<double>(run.settings.items_per_request); });
  return absl::StrCat(Some(runs.size(), "One run", "runs"), " sent requests of ", items,
                      items == "1" ? " text" : " texts", " to ", runs.front()->settings.target, ", for ",
                      RangeOf(runs, [](const RunRecord& run) { return run.settings.duration_seconds; }), " s after ",
                      RangeOf(runs, [](const RunRecord& run) { return run.settings.warm_up_seconds; }),
                      " s of warm-up, with a deadline of ",
                      RangeOf(runs, [](const RunRecord& run) { return static_cast<double>(run.settings.deadline_ms); }),
                      " ms and seed ",
                      RangeOf(runs, [](const RunRecord& run) { return static_cast<double>(run.settings.seed); }),
                      ". Texts: ", absl::StrJoin(texts, "; "), ".");
}

}  // namespace

Document EmptyReport(const RunRecord& run, const std::string& title) {
  const auto& environment = run.environment;
  const std::string model = run.server.model.empty() ? "" : absl::StrCat(run.server.model, " on ");
  const std::string processor = environment.cpu_model.empty() ? "an unknown processor" : environment.cpu_model;
  Document document = NewDocument(title, absl::StrCat("roberta-loadtest ", environment.program_version));
  document.subtitle = absl::StrCat(model, processor, ", ", environment.started_at);
  document.created = environment.started_at;
  return document;
}

Document RunReport(const record::Series& series, const std::string& title) {
  if (series.runs.empty()) return SearchReport(series.searches, title);
  const RunPointers runs = RunsToCompare(series);
  const std::vector<ProfileRuns> sorted = Sort(runs);
  Document document = EmptyReport(series.runs.front(), title);
  Blocks& blocks = document.blocks;
  Append(VerdictSection(sorted), &blocks);
  blocks.emplace_back(Heading{"Throughput and latency"});
  blocks.push_back(ThroughputChart(sorted));
  blocks.push_back(PercentileChart(sorted));
  Append(SearchSection(series.searches, sorted), &blocks);
  Append(PhaseSection(sorted), &blocks);
  Append(BatchSection(sorted), &blocks);
  Append(AnswersSection(sorted), &blocks);
  Append(ResourceSection(sorted), &blocks);
  blocks.push_back(TimelineChart(sorted));
  Append(OutcomeSection(sorted), &blocks);
  if (runs.size() < series.runs.size()) Append(DataLoadingSections(series), &blocks);
  blocks.emplace_back(Heading{"Run by run"});
  blocks.push_back(RunTable(sorted));
  Append(LastPage(PointersTo(series.runs), {}), &blocks);
  return document;
}

Blocks LastPage(const RunPointers& runs, const std::vector<std::string>& more) {
  Blocks blocks = {document::PageBreak{}, Heading{"Environment"}};
  constexpr size_t kPlacesSideBySide = 3;
  const RunPointers places = Places(runs);
  for (size_t i = 0; i < places.size(); i += kPlacesSideBySide) {
    const auto from = places.begin() + static_cast<std::ptrdiff_t>(i);
    blocks.push_back(
        PlaceTable({from, from + static_cast<std::ptrdiff_t>(std::min(kPlacesSideBySide, places.size() - i))}));
  }
  Append(ProfileTable(*runs.front()), &blocks);
  blocks.emplace_back(Heading{"Method and limits"});
  std::vector<std::string> texts = {
      HowRun(runs),
      "Latency counts from the moment the load pattern wanted a request sent, so a stall of the server is felt by "
      "every request that had to wait for it; the latency from the actual send stands beside it. Refused and failed "
      "requests count as sent and not answered. Phases are the server's own account. Percentiles have three "
      "significant digits. Of repeated runs the median counts. How many times faster a profile is, is the median over "
      "pairs of runs that took turns, in brackets the lowest and the highest.",
      "Accuracy and agreement are those of the texts that were sent alone, each once, to every profile; where there "
      "are none, those of the answers that the runs got, if the runs went through their texts ten times; else those of "
      "the server's own sample, measured when it loaded the profile. The interval of a difference of accuracy holds "
      "the true difference with 95 % confidence. It is Tango's score interval over the texts that only one of the two "
      "profiles classifies correctly: all differences that McNemar's test does not reject.",
      absl::StrFormat("Recommended is the profile with the most texts a second at full load among those that lose at "
                      "most %.1f points of accuracy, or, where that was not measured, agree with the baseline on at "
                      "least %.0f %% of the texts. Figures hold for this machine, this model and these texts.",
                      kMostPointsLost, 100 * kLeastAgreement)};
  texts.insert(texts.end(), more.begin(), more.end());
  // Small, so that it all stands on one page.
  for (const std::string& text : texts) blocks.emplace_back(Paragraph{text, TextStyle::kNote});
  return blocks;
}

}  // namespace roberta::loadtest::report
