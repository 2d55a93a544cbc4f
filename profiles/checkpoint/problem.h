#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"

namespace roberta::checkpoint {

/// One thing that is wrong with a checkpoint, in a file of it.
struct Problem {
  std::string file;
  std::string text;  ///< names the field or tensor and its value; one line
  absl::StatusCode code = absl::StatusCode::kInvalidArgument;
};

/// "file: text".
std::string ProblemLine(const Problem& problem);

/// All of them in one line: each file named once, every problem spelled out up to ten, the others counted. The code
/// is the first problem's; OK if there is none.
absl::Status ProblemsToStatus(const std::vector<Problem>& problems);

/// The object that a file of JSON holds, read by json::ParsePythonJson; else a problem more, and nullopt.
std::optional<nlohmann::json> ReadObject(const absl::StatusOr<std::string>& text, const std::string& file,
                                         std::vector<Problem>* problems);

/// Reads the fields of one JSON object and collects what is wrong with them. After a problem a reader returns a value
/// that is safe to compute with.
class JsonFields {
 public:
  /// `object` (which must be a JSON object) and `problems` must outlive this.
  JsonFields(const nlohmann::json& object, std::string_view file, std::vector<Problem>* problems)
      : object_(object), file_(file), problems_(problems) {}

  /// nullptr where the field is absent or null.
  const nlohmann::json* Find(std::string_view field) const;

  /// An integer in [least, most].
  int64_t Integer(std::string_view field, int64_t least, int64_t most, int64_t fallback);
  /// A number in [least, most].
  double Number(std::string_view field, double least, double most, double fallback);
  /// A string that is one of `allowed`; the empty string where the field is absent or null.
  std::string OneOf(std::string_view field, const std::vector<std::string>& allowed);
  /// Reports the field unless it is absent, null or false.
  void MustBeFalse(std::string_view field);

  /// Adds: field "<field>" <text>.
  void Report(std::string_view field, std::string_view text);
  /// Adds: field "<field>" is <value>; <text>.
  void ReportValue(std::string_view field, const nlohmann::json& value, std::string_view text);

 private:
  const nlohmann::json& object_;
  std::string file_;
  std::vector<Problem>* problems_;
};

}  // namespace roberta::checkpoint
