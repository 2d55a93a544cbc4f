#include "profiles/rows/records.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "absl/strings/str_split.h"

namespace roberta::rows {
namespace {

/// Takes the values of one CSV record off the front of a text.
class CsvScanner {
 public:
  explicit CsvScanner(std::string_view* rest) : rest_(*rest) {}

  /// Fills the values of `*record`, or its problem.
  void Take(Record* record) {
    do {
      std::optional<std::string> value = rest_.starts_with('"') ? TakeQuoted(record) : TakePlain(record);
      if (!value) break;
      record->values.push_back(*std::move(value));
    } while (TakeComma());
    if (!record->problem.empty()) TakeLine(&rest_);
  }

 private:
  std::optional<std::string> TakePlain(Record* record) {
    const size_t end = std::min(rest_.find_first_of(",\n"), rest_.size());
    std::string_view value = rest_.substr(0, end);
    rest_.remove_prefix(end);
    if (!rest_.starts_with(',') && value.ends_with('\r')) value.remove_suffix(1);
    if (value.find('"') == std::string_view::npos) return std::string(value);
    record->problem = "a double quote within a value that does not begin with one";
    return std::nullopt;
  }

  std::optional<std::string> TakeQuoted(Record* record) {
    std::string value;
    while (true) {
      rest_.remove_prefix(1);
      const size_t quote = rest_.find('"');
      if (quote == std::string_view::npos) {
        record->problem = "a value begins with a double quote, and none ends it";
        record->is_last = true;
        return std::nullopt;
      }
      value += rest_.substr(0, quote);
      rest_.remove_prefix(quote + 1);
      if (!rest_.starts_with('"')) break;
      value += '"';
    }
    if (IsAtEndOfValue()) return value;
    record->problem = "text after the double quote that ends a value; within a value it is written twice";
    return std::nullopt;
  }

  bool IsAtEndOfValue() const {
    return rest_.empty() || rest_ == "\r" || rest_.starts_with(',') || rest_.starts_with('\n') ||
           rest_.starts_with("\r\n");
  }

  /// True if another value follows; else the end of the line is taken.
  bool TakeComma() {
    if (rest_.starts_with(',')) {
      rest_.remove_prefix(1);
      return true;
    }
    TakeLine(&rest_);
    return false;
  }

  std::string_view& rest_;
};

}  // namespace

std::string_view TakeLine(std::string_view* rest) {
  const size_t end = std::min(rest->find('\n'), rest->size());
  std::string_view line = rest->substr(0, end);
  rest->remove_prefix(std::min(end + 1, rest->size()));
  if (line.ends_with('\r')) line.remove_suffix(1);
  return line;
}

Record TakeLineRecord(std::string_view* rest, size_t* lines) {
  Record record;
  record.line = ++*lines;
  const std::string_view text = TakeLine(rest);
  record.bytes = text.size();
  record.values.emplace_back(text);
  return record;
}

Record TakeTsvRecord(std::string_view* rest, size_t* lines) {
  Record record = TakeLineRecord(rest, lines);
  std::vector<std::string> values = absl::StrSplit(record.values.front(), '\t');
  record.values = std::move(values);
  return record;
}

Record TakeCsvRecord(std::string_view* rest, size_t* lines) {
  Record record;
  record.line = *lines + 1;
  const std::string_view all = *rest;
  CsvScanner(rest).Take(&record);
  std::string_view taken = all.substr(0, all.size() - rest->size());
  *lines += static_cast<size_t>(std::count(taken.begin(), taken.end(), '\n'));
  if (!taken.ends_with('\n')) ++*lines;
  record.bytes = taken.size() - (taken.ends_with('\n') ? 1 : 0);
  return record;
}

}  // namespace roberta::rows
