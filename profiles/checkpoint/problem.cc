#include "profiles/checkpoint/problem.h"

#include <algorithm>
#include <limits>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "profiles/json/strict_json.h"

namespace roberta::checkpoint {
namespace {

constexpr size_t kProblemsSpelledOut = 10;

using Json = nlohmann::json;

std::optional<int64_t> AsInteger(const Json& value) {
  if (!value.is_number_integer()) return std::nullopt;
  if (value.is_number_unsigned() && value.get<uint64_t>() > std::numeric_limits<int64_t>::max()) return std::nullopt;
  return value.get<int64_t>();
}

}  // namespace

std::string ProblemLine(const Problem& problem) {
  return absl::StrCat(problem.file, ": ", problem.text);
}

absl::Status ProblemsToStatus(const std::vector<Problem>& problems) {
  if (problems.empty()) return absl::OkStatus();
  std::string line;
  for (size_t i = 0; i < problems.size() && i < kProblemsSpelledOut; ++i) {
    const bool same_file = i > 0 && problems[i].file == problems[i - 1].file;
    absl::StrAppend(&line, i > 0 ? "; " : "", same_file ? problems[i].text : ProblemLine(problems[i]));
  }
  if (problems.size() > kProblemsSpelledOut) {
    absl::StrAppend(&line, "; and ", problems.size() - kProblemsSpelledOut,
                    " more (roberta-model inspect lists all of them)");
  }
  return absl::Status(problems.front().code, line);
}

std::optional<Json> ReadObject(const absl::StatusOr<std::string>& text, const std::string& file,
                               std::vector<Problem>* problems) {
  auto json = text.ok() ? json::ParsePythonJson(*text) : text.status();
  if (json.ok() && json->is_object()) return *std::move(json);
  problems->push_back({file,
                       json.ok() ? absl::StrCat("is ", json::ShownValue(*json), "; it must be an object")
                                 : std::string(json.status().message()),
                       json.ok() ? absl::StatusCode::kInvalidArgument : json.status().code()});
  return std::nullopt;
}

const Json* JsonFields::Find(std::string_view field) const {
  const auto found = object_.find(std::string(field));
  return found == object_.end() || found->is_null() ? nullptr : &*found;
}

int64_t JsonFields::Integer(std::string_view field, int64_t least, int64_t most, int64_t fallback) {
  const Json* value = Find(field);
  if (value == nullptr) return fallback;
  const std::optional<int64_t> integer = AsInteger(*value);
  if (integer && *integer >= least && *integer <= most) return *integer;
  ReportValue(field, *value, absl::StrCat("it must be an integer from ", least, " to ", most));
  return least;
}

double JsonFields::Number(std::string_view field, double least, double most, double fallback) {
  const Json* value = Find(field);
  if (value == nullptr) return fallback;
  if (value->is_number() && value->get<double>() >= least && value->get<double>() <= most) return value->get<double>();
  ReportValue(field, *value, absl::StrCat("it must be a number from ", least, " to ", most));
  return fallback;
}

std::string JsonFields::OneOf(std::string_view field, const std::vector<std::string>& allowed) {
  const Json* value = Find(field);
  if (value == nullptr) return "";
  if (value->is_string()) {
    const auto& text = value->get_ref<const std::string&>();
    if (std::find(allowed.begin(), allowed.end(), text) != allowed.end()) return text;
  }
  ReportValue(field, *value, absl::StrCat("supported: ", absl::StrJoin(allowed, ", ")));
  return "";
}

void JsonFields::MustBeFalse(std::string_view field) {
  const Json* value = Find(field);
  if (value != nullptr && *value != Json(false)) ReportValue(field, *value, "supported: false");
}

void JsonFields::Report(std::string_view field, std::string_view text) {
  problems_->push_back({file_, absl::StrCat("field ", json::Quoted(field), " ", std::string(text))});
}

void JsonFields::ReportValue(std::string_view field, const Json& value, std::string_view text) {
  Report(field, absl::StrCat("is ", json::ShownValue(value), "; ", std::string(text)));
}

}  // namespace roberta::checkpoint
