#include "profiles/quality/records.h"

#include <algorithm>
#include <optional>
#include <utility>

namespace roberta::quality {

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

std::string_view Take(std::string_view* rest, char separator) {
  const size_t end = rest->find(separator);
  const std::string_view piece = rest->substr(0, end);
  *rest = end == std::string_view::npos ? std::string_view() : rest->substr(end + 1);
  return piece;
}

std::string_view TakeLine(std::string_view* rest) {
  std::string_view line = Take(rest, '\n');
  if (line.ends_with('\r')) line.remove_suffix(1);
  return line;
}

Record TakeTsvRecord(std::string_view* rest, size_t* line) {
  Record record;
  record.line = ++*line;
  std::string_view text = TakeLine(rest);
  const auto tabs = static_cast<size_t>(std::count(text.begin(), text.end(), '\t'));
  for (size_t i = 0; i <= tabs; ++i) record.values.emplace_back(Take(&text, '\t'));
  return record;
}

Record TakeCsvRecord(std::string_view* rest, size_t* line) {
  Record record;
  record.line = *line + 1;
  const std::string_view all = *rest;
  CsvScanner(rest).Take(&record);
  const std::string_view taken = all.substr(0, all.size() - rest->size());
  *line += static_cast<size_t>(std::count(taken.begin(), taken.end(), '\n'));
  if (!taken.ends_with('\n')) ++*line;
  return record;
}

}  // namespace roberta::quality
