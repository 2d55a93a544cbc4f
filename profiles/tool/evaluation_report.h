#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "profiles/tool/evaluation.h"

namespace roberta::tool {

/// A profile under the names that `evaluate --json` documents; null where something was not measured.
nlohmann::ordered_json ToJson(const Evaluation& evaluation);

/// A header line with the names of ToJson and a line for each profile (RFC 4180, LF); an empty value for null.
std::string EvaluationCsv(const std::vector<Evaluation>& evaluations);

/// For people: a table with a line for each profile, what is to be said of some of them, and a confusion matrix of each
/// where there are few `labels`.
std::string EvaluationText(const std::vector<Evaluation>& evaluations, const std::vector<std::string>& labels);

}  // namespace roberta::tool
