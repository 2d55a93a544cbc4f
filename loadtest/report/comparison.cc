#include "loadtest/report/comparison.h"

#include <algorithm>
#include <map>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "loadtest/report/figures.h"
#include "loadtest/report/numbers.h"
#include "loadtest/report/verdict.h"

namespace roberta::report {

namespace {

using document::Paragraph;
using document::TextStyle;

/// Why there is no run of `profile`.
std::string WhyAbsent(const record::Series& series, const std::string& profile) {
  bool told = false;
  for (const record::RunRecord& run : series.runs) {
    told = told || !run.server.profiles.empty();
    for (const auto& description : run.server.profiles) {
      if (description.name != profile || description.state == "READY") continue;
      const std::string why = description.reason.empty() ? "" : absl::StrCat(": ", description.reason);
      return absl::StrCat("the server has it as ", description.state, why);
    }
  }
  const bool known = std::any_of(series.runs.begin(), series.runs.end(), [&](const record::RunRecord& run) {
    return std::any_of(run.server.profiles.begin(), run.server.profiles.end(),
                       [&](const auto& description) { return description.name == profile; });
  });
  return told && !known ? "the server has no profile of that name" : "no run of it is in the records";
}

const ProfileRuns* Find(const std::vector<ProfileRuns>& sorted, const std::string& profile) {
  const auto found =
      std::find_if(sorted.begin(), sorted.end(), [&](const ProfileRuns& runs) { return runs.profile == profile; });
  return found == sorted.end() ? nullptr : &*found;
}

std::string WeightWords(const ProfileRuns& before, const ProfileRuns& after) {
  if (before.description == nullptr || after.description == nullptr) return "";
  const auto mib = [](const ProfileRuns& runs) {
    return static_cast<double>(runs.description->weight_bytes) / (1 << 20);
  };
  if (mib(before) <= 0 || mib(after) <= 0) return "";
  return absl::StrFormat(" Its weights take %s instead of %s MiB.", Digits(mib(after)), Digits(mib(before)));
}

std::string Advice(const ProfileRuns& before, const ProfileRuns& after) {
  if (const std::string why_not = WhyNot(&before, after); !why_not.empty()) {
    return absl::StrCat(" Do not run it: it ", why_not, ".");
  }
  const std::optional<SpeedUp> speed_up = SpeedUpOf(before, after);
  if (!speed_up) return " Whether it is faster was not measured: every rate that was asked for was kept up with.";
  if (speed_up->ratio.median <= 1) return " It is no faster, so there is no reason to run it.";
  if (const std::string doubt = Doubt(before, after); !doubt.empty()) return doubt;
  const Answers answers = AnswersOf(after);
  if (CompareAccuracy(AnswersOf(before), before, answers, after)) {
    return absl::StrCat(
        absl::StrFormat(" On these texts it loses no more than %.1f points of accuracy, so run it.", kMostPointsLost),
        AccuracyDoubt(before, after));
  }
  return answers.agreement ? " So run it." : " Measure that before you run it.";
}

}  // namespace

Comparison Compare(const record::Series& series, const std::vector<std::string>& names) {
  Comparison comparison;
  for (const std::string& name : names) {
    const size_t before = comparison.runs.size();
    for (const record::RunRecord& run : series.runs) {
      if (ProfileOf(run) == name && run.settings.variant.empty()) comparison.runs.push_back(&run);
    }
    if (comparison.runs.size() == before) comparison.absent.push_back({name, WhyAbsent(series, name)});
    for (const record::RateSearch& search : series.searches) {
      if (search.profile == name && search.variant.empty()) comparison.searches.push_back(&search);
    }
  }
  comparison.sorted = Sort(comparison.runs);
  return comparison;
}

std::string WhatItIs(const std::string& profile) {
  static const std::map<std::string, std::string> kWhat = {
      {"baseline", "The whole model in 32-bit floating point, unpadded: what the others are compared with."},
      {"quantized", "Products in 8-bit whole numbers, with a scale for each output channel and each token."},
      {"pruned", "The model without the attention heads and neurons that matter least, in 32-bit floating point."},
      {"amp", "Mixed precision: products in bfloat16 where that is faster, sums in 32-bit floating point."},
      {"integrated", "All at once: the pruned model with 8-bit products and mixed-precision attention."},
      {"reference", "The eager LibTorch model on padded batches: how it would be done without this server."},
  };
  const auto found = kWhat.find(profile);
  return found == kWhat.end() ? "" : found->second;
}

Blocks AbsentBoxes(const Comparison& comparison) {
  Blocks boxes;
  for (const Comparison::Absent& absent : comparison.absent) {
    boxes.emplace_back(
        Paragraph{absl::StrCat(absent.profile, ": not measured, because ", absent.why, "."), TextStyle::kWarning});
  }
  return boxes;
}

std::string BeforeAndAfter(const Comparison& comparison, const std::string& before, const std::string& after) {
  const ProfileRuns* const one = Find(comparison.sorted, before);
  const ProfileRuns* const other = Find(comparison.sorted, after);
  if (one == nullptr && other == nullptr) return absl::StrCat("Neither ", before, " nor ", after, " was measured.");
  if (other == nullptr) {
    return absl::StrCat(after, " was not measured, so there is nothing to compare. ", InWords(one, *one, before));
  }
  if (one == nullptr) {
    return absl::StrCat(before, " was not measured, so there is nothing to compare. ", InWords(nullptr, *other, after));
  }
  if (Busiest(*other).Of(TextsPerSecond).value_or(Spread()).high <= 0) return InWords(one, *other, after);
  return absl::StrCat(InWords(one, *other, after), WeightWords(*one, *other), Advice(*one, *other));
}

std::optional<Spread> FoundRate(const Comparison& comparison, const std::string& profile) {
  for (const record::RateSearch* search : comparison.searches) {
    if (search->profile == profile) return SpreadOf(search->found);
  }
  return std::nullopt;
}

}  // namespace roberta::report
