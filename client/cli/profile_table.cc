#include "client/cli/profile_table.h"

#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "profiles/terminal/terminal.h"

namespace roberta::cli {

namespace {

constexpr char kNothing[] = "-";

std::string Percent(bool measured, double share) {
  return measured ? absl::StrFormat("%.2f %%", share * 100) : kNothing;
}

std::vector<std::string> Row(const v1::ProfileInfo& profile) {
  const bool loaded = profile.weight_bytes() > 0;
  return {absl::StrCat(profile.name(), profile.is_default() ? " (default)" : ""),
          v1::ProfileState_Name(profile.state()),
          profile.recipe(),
          profile.precision().empty() ? kNothing : profile.precision(),
          loaded ? absl::StrFormat("%.1f MiB", static_cast<double>(profile.weight_bytes()) / (1 << 20)) : kNothing,
          Percent(profile.has_accuracy(), profile.accuracy()),
          Percent(profile.has_agreement(), profile.agreement()),
          profile.has_expected_tokens_per_second() ? absl::StrFormat("%.0f", profile.expected_tokens_per_second())
                                                   : kNothing,
          profile.kernels().empty() ? kNothing : absl::StrJoin(profile.kernels(), ", ")};
}

std::vector<std::string> Row(const v1::ProfileComparison& comparison, bool is_baseline) {
  const std::string name = absl::StrCat(comparison.profile(), is_baseline ? " (baseline)" : "");
  if (!comparison.has_classification()) {
    const auto code = static_cast<absl::StatusCode>(comparison.status().code());
    return {name, absl::StatusCodeToString(code), kNothing, kNothing, kNothing, kNothing};
  }
  const v1::Classification& classification = comparison.classification();
  const bool moved = comparison.has_same_label() && !comparison.same_label();
  return {name,
          absl::StrCat(classification.label(), moved ? " (!)" : ""),
          absl::StrFormat("%.4f", classification.score()),
          absl::StrFormat("%.3f", static_cast<double>(comparison.infer_ns()) * 1e-6),
          comparison.has_time_ratio() ? absl::StrFormat("%.2f", comparison.time_ratio()) : kNothing,
          comparison.has_max_abs_dp() ? absl::StrFormat("%.4f", comparison.max_abs_dp()) : kNothing};
}

}  // namespace

std::string ProfilesText(const v1::ListProfilesResponse& response) {
  std::vector<std::vector<std::string>> rows = {
      {"profile", "state", "recipe", "precision", "weights", "accuracy", "agreement", "tokens/s", "kernels"}};
  std::string notes;
  for (const v1::ProfileInfo& profile : response.profiles()) {
    rows.push_back(Row(profile));
    const std::string why = profile.reason().empty() && !profile.has_agreement()
                                ? absl::StrCat("quality not measured: ", profile.quality_reason())
                                : profile.reason();
    if (!why.empty()) absl::StrAppend(&notes, profile.name(), ": ", terminal::Shown(why), "\n");
  }
  return absl::StrCat(terminal::TableText(rows), notes.empty() ? "" : "\n", notes, "\nmodel ",
                      terminal::Shown(response.model()), ", revision ", response.model_revision(), ", at most ",
                      response.max_tokens(),
                      " tokens, labels: ", terminal::Shown(absl::StrJoin(response.labels(), ", ")), "\n");
}

std::string ComparisonText(const v1::CompareResponse& response) {
  std::vector<std::vector<std::string>> rows = {{"profile", "label", "score", "ms", "x baseline", "|dp|"}};
  std::string notes;
  for (const v1::ProfileComparison& comparison : response.comparisons()) {
    rows.push_back(Row(comparison, comparison.profile() == response.baseline_profile()));
    if (!comparison.has_classification()) absl::StrAppend(&notes, terminal::Shown(comparison.status().message()), "\n");
  }
  return absl::StrCat(terminal::TableText(rows), notes.empty() ? "" : "\n", notes);
}

}  // namespace roberta::cli
