#include "profiles/quality/sample.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "profiles/errors/errors.h"
#include "profiles/json/strict_json.h"
#include "profiles/quality/agreement.h"
#include "profiles/tokenizer/utf8.h"

namespace roberta::quality {
namespace {

constexpr size_t kMostExamples = 1000000;
constexpr uintmax_t kLargestFileBytes = 64u << 20;
constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";

using rows::Row;

class Parser {
 public:
  Parser(const checkpoint::ModelConfig& config, std::string_view file, const DataOptions& options)
      : config_(config), file_(file), options_(options) {}

  absl::StatusOr<Data> Parse(std::string_view text) {
    if (text.empty() || text == kByteOrderMark) return errors::InvalidArgument(file_, ": there is nothing in it");
    rows::RowParser rows({.format = options_.format.value_or(rows::FormatOfFile(file_, rows::Format::kTsv)),
                          .refuse_other_columns = true});
    while (const std::optional<Row> row = rows.Take(&text, /*ended=*/true)) {
      RETURN_IF_ERROR(Take(*row));
    }
    if (data_.sample.empty()) return NoExample();
    return std::move(data_);
  }

 private:
  template <typename... What>
  absl::Status Wrong(size_t line, const What&... what) const {
    return errors::InvalidArgument(file_, ":", line, ": ", what...);
  }

  absl::Status NoExample() const {
    if (data_.bad_rows == 0) return Wrong(1, "there is no example after the header");
    return errors::InvalidArgument(data_.problems.front(), "; no other row is good either");
  }

  absl::Status Take(const Row& row) {
    if (options_.read_labels && row.values[rows::kLabel] && AgreementOf(config_) != Agreement::kSameLabel) {
      return Wrong(row.line, "column label: labels are compared only where a model gives a text one of several");
    }
    Example example;
    const std::string problem = Read(row, &example);
    if (problem.empty()) return Keep(row.line, std::move(example));
    absl::Status bad = Wrong(row.line, problem);
    if (!options_.skip_bad_rows || row.is_last) return bad;
    ++data_.bad_rows;
    if (data_.problems.size() < kMostProblems) data_.problems.emplace_back(bad.message());
    return absl::OkStatus();
  }

  absl::Status Keep(size_t line, Example example) {
    if (data_.sample.size() == kMostExamples) return Wrong(line, "more than ", kMostExamples, " examples");
    data_.sample.push_back(std::move(example));
    return absl::OkStatus();
  }

  /// Fills `*example`, or returns what is wrong.
  std::string Read(const Row& row, Example* example) const {
    std::string problem = row.problem;
    for (const rows::Column column : {rows::kText, rows::kPair}) {
      if (problem.empty() && row.values[column] && tokenizer::IsBlank(*row.values[column])) {
        problem = absl::StrCat(std::string(rows::kColumnNames[column]), " is blank");
      }
    }
    if (!problem.empty()) return problem;
    example->text = *row.values[rows::kText];
    example->pair = row.values[rows::kPair];
    return options_.read_labels ? ReadLabel(row.values[rows::kLabel], example) : "";
  }

  std::string ReadLabel(const std::optional<std::string>& label, Example* example) const {
    if (!data_.sample.empty() && data_.sample.front().label.has_value() != label.has_value()) {
      return label ? "there is a label, and rows before it have none" : "label is missing; rows before it have one";
    }
    if (!label) return "";
    const auto named = std::find(config_.labels.begin(), config_.labels.end(), *label);
    int32_t index = static_cast<int32_t>(named - config_.labels.begin());
    if (named == config_.labels.end() &&
        (!absl::SimpleAtoi(*label, &index) || index < 0 || index >= config_.num_labels())) {
      return absl::StrCat("label ", json::Quoted(*label), " is neither a label of the model nor the index of one");
    }
    example->label = index;
    return "";
  }

  const checkpoint::ModelConfig& config_;
  const std::string file_;
  const DataOptions options_;
  Data data_;
};

}  // namespace

absl::StatusOr<Data> ParseData(std::string_view text, const checkpoint::ModelConfig& config, std::string_view file,
                               const DataOptions& options) {
  return Parser(config, file, options).Parse(text);
}

absl::StatusOr<Data> ReadData(const std::string& path, const checkpoint::ModelConfig& config,
                              const DataOptions& options) {
  std::error_code failure;
  const bool is_file = std::filesystem::is_regular_file(path, failure);
  std::ifstream file(path, std::ios::binary);
  if (!is_file || !file) return errors::NotFound(path, ": no such file, or not readable");
  const uintmax_t bytes = std::filesystem::file_size(path, failure);
  if (failure || bytes > kLargestFileBytes) {
    return errors::InvalidArgument(path, ": ", bytes, " bytes; a file of examples has at most ", kLargestFileBytes);
  }
  std::ostringstream text;
  text << file.rdbuf();
  return ParseData(text.view(), config, path, options);
}

absl::StatusOr<Sample> ReadSample(const std::string& path, const checkpoint::ModelConfig& config) {
  ASSIGN_OR_RETURN(auto data, ReadData(path, config, {}));
  return std::move(data.sample);
}

}  // namespace roberta::quality
