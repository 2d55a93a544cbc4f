#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "profiles/quality/agreement.h"
#include "profiles/quality/sample.h"
#include "profiles/registry/profile_loader.h"
#include "profiles/registry/recipes.h"
#include "profiles/statistics/statistics.h"
#include "profiles/terminal/terminal.h"

namespace roberta::tool {

/// How a profile answers texts.
struct Evaluation {
  std::string name;
  absl::Status status;                          ///< why it could not be loaded or run; what follows is then unset
  size_t examples = 0;                          ///< that it ran
  size_t flips = 0;                             ///< texts whose answer alone does not agree with that in a batch
  std::optional<quality::Quality> quality;      ///< beside the baseline's answers, where there are any
  std::optional<quality::LabelMetrics> labels;  ///< of examples that have labels
  /// From the baseline's accuracy on the same texts; absent for the baseline itself and without labels.
  std::optional<statistics::AccuracyDifference> accuracy_difference;
  absl::Status gate;  ///< what the recipe's gate would say, were it held to it; only with `quality`
};

struct Evaluations {
  absl::Status baseline;  ///< why there are no answers to compare with
  std::vector<Evaluation> profiles;
};

/// Loads one profile after the other as a server would, runs all texts in batches and each alone on `threads` threads,
/// and compares. None is refused, and one that fails does not stop the others.
Evaluations Evaluate(const registry::Model& model, const quality::Sample& sample,
                     const quality::TokenizedSample& tokenized, const std::vector<std::string>& names, size_t threads,
                     const std::vector<registry::Recipe>& recipes, terminal::ProgressBar* progress);

/// A profile under the names that `evaluate --json` documents; null where something was not measured.
nlohmann::ordered_json ToJson(const Evaluation& evaluation);

/// A header line with the names of ToJson and a line for each profile (RFC 4180, LF); an empty value for null.
std::string EvaluationCsv(const std::vector<Evaluation>& evaluations);

/// For people: a table with a line for each profile, what is to be said of some of them, and a confusion matrix of each
/// where there are few `labels`.
std::string EvaluationText(const std::vector<Evaluation>& evaluations, const std::vector<std::string>& labels);

}  // namespace roberta::tool
