#include "profiles/quality/sample.h"

#include <algorithm>
#include <array>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "profiles/json/quoted.h"
#include "profiles/quality/agreement.h"
#include "profiles/tokenizer/utf8.h"

namespace roberta::quality {

namespace {

constexpr size_t kMostExamples = 1000000;
constexpr uintmax_t kLargestFileBytes = 64u << 20;

enum Column : size_t { kText, kLabel, kPair, kColumns };
constexpr std::array<std::string_view, kColumns> kColumnNames = {"text", "label", "text_pair"};

/// Takes the next piece up to `separator`, or all that is left, off the front of `*rest`.
std::string_view Take(std::string_view* rest, char separator) {
  const size_t end = rest->find(separator);
  const std::string_view piece = rest->substr(0, end);
  *rest = end == std::string_view::npos ? std::string_view() : rest->substr(end + 1);
  return piece;
}

std::vector<std::string_view> Fields(std::string_view line) {
  std::vector<std::string_view> fields;
  const auto tabs = static_cast<size_t>(std::count(line.begin(), line.end(), '\t'));
  for (size_t i = 0; i <= tabs; ++i) fields.push_back(Take(&line, '\t'));
  return fields;
}

class Parser {
 public:
  Parser(const checkpoint::ModelConfig& config, std::string_view file) : config_(config), file_(file) {}

  absl::StatusOr<Sample> Parse(std::string_view tsv) {
    absl::Status status = ReadHeader(NextLine(&tsv));
    if (!status.ok()) return status;
    Sample sample;
    while (!tsv.empty()) {
      Example example;
      status = ReadExample(NextLine(&tsv), &example);
      if (!status.ok()) return status;
      if (sample.size() == kMostExamples) return Wrong(absl::StrCat("more than ", kMostExamples, " examples"));
      sample.push_back(std::move(example));
    }
    if (sample.empty()) return Wrong("there is no example after the header");
    return sample;
  }

 private:
  std::string_view NextLine(std::string_view* rest) {
    ++line_;
    std::string_view line = Take(rest, '\n');
    if (line.ends_with('\r')) line.remove_suffix(1);
    return line;
  }

  absl::Status Wrong(const std::string& what) const {
    return absl::InvalidArgumentError(absl::StrCat(file_, ":", line_, ": ", what));
  }

  absl::Status ReadHeader(std::string_view line) {
    column_of_.fill(kAbsent);
    const std::vector<std::string_view> names = Fields(line);
    for (size_t i = 0; i < names.size(); ++i) {
      const auto found = std::find(kColumnNames.begin(), kColumnNames.end(), names[i]);
      if (found == kColumnNames.end()) {
        return Wrong(
            absl::StrCat("column ", json::Quoted(names[i]), " is unknown; they are text, label and text_pair"));
      }
      size_t& column = column_of_[static_cast<size_t>(found - kColumnNames.begin())];
      if (column != kAbsent) return Wrong(absl::StrCat("column ", json::Quoted(names[i]), " is there twice"));
      column = i;
    }
    if (column_of_[kText] == kAbsent) return Wrong("there is no column text in the header");
    if (column_of_[kLabel] != kAbsent && AgreementOf(config_) != Agreement::kSameLabel) {
      return Wrong("column label: labels are compared only where a model gives a text one of several");
    }
    fields_ = names.size();
    return absl::OkStatus();
  }

  absl::Status ReadText(Column column, std::string_view text, std::string* out) const {
    const std::string_view name = kColumnNames[column];
    if (const auto at = tokenizer::FirstInvalidUtf8(text)) {
      return Wrong(absl::StrCat(std::string(name), ": invalid UTF-8 at byte ", *at));
    }
    if (tokenizer::IsBlank(text)) return Wrong(absl::StrCat(std::string(name), " is blank"));
    *out = text;
    return absl::OkStatus();
  }

  absl::Status ReadLabel(std::string_view label, Example* example) const {
    const auto named = std::find(config_.labels.begin(), config_.labels.end(), label);
    int32_t index = static_cast<int32_t>(named - config_.labels.begin());
    if (named == config_.labels.end() &&
        (!absl::SimpleAtoi(std::string(label), &index) || index < 0 || index >= config_.num_labels())) {
      return Wrong(
          absl::StrCat("label ", json::Quoted(label), " is neither a label of the model nor the index of one"));
    }
    example->label = index;
    return absl::OkStatus();
  }

  absl::Status ReadExample(std::string_view line, Example* example) const {
    const std::vector<std::string_view> fields = Fields(line);
    if (fields.size() != fields_) return Wrong(absl::StrCat(fields.size(), " fields; the header has ", fields_));
    absl::Status status = ReadText(kText, fields[column_of_[kText]], &example->text);
    if (status.ok() && column_of_[kPair] != kAbsent) {
      status = ReadText(kPair, fields[column_of_[kPair]], &example->pair.emplace());
    }
    if (status.ok() && column_of_[kLabel] != kAbsent) status = ReadLabel(fields[column_of_[kLabel]], example);
    return status;
  }

  static constexpr size_t kAbsent = SIZE_MAX;
  const checkpoint::ModelConfig& config_;
  const std::string file_;
  size_t line_ = 0;
  size_t fields_ = 0;
  std::array<size_t, kColumns> column_of_ = {};
};

}  // namespace

absl::StatusOr<Sample> ParseSample(std::string_view tsv, const checkpoint::ModelConfig& config, std::string_view file) {
  return Parser(config, file).Parse(tsv);
}

absl::StatusOr<Sample> ReadSample(const std::string& path, const checkpoint::ModelConfig& config) {
  std::error_code failure;
  const bool is_file = std::filesystem::is_regular_file(path, failure);
  std::ifstream file(path, std::ios::binary);
  if (!is_file || !file) return absl::NotFoundError(absl::StrCat(path, ": no such sample file, or not readable"));
  const uintmax_t bytes = std::filesystem::file_size(path, failure);
  if (failure || bytes > kLargestFileBytes) {
    return absl::InvalidArgumentError(
        absl::StrCat(path, ": ", bytes, " bytes; a sample has at most ", kLargestFileBytes));
  }
  std::ostringstream text;
  text << file.rdbuf();
  return ParseSample(text.str(), config, path);
}

}  // namespace roberta::quality
