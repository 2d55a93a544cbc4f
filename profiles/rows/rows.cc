#include "profiles/rows/rows.h"

#include <algorithm>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "profiles/errors/errors.h"
#include "profiles/json/strict_json.h"
#include "profiles/tokenizer/utf8.h"

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

constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";

std::string NameOf(size_t column) {
  return std::string(kColumnNames[column]);
}

bool MayBeInteger(size_t column) {
  return column == kLabel || column == kId;
}

void ReadField(const nlohmann::json& object, size_t column, Row* row) {
  const auto found = object.find(NameOf(column));
  if (found == object.end() || found->is_null()) return;
  if (found->is_string()) {
    row->values[column] = found->get<std::string>();
  } else if (MayBeInteger(column) && found->is_number_integer()) {
    row->values[column] = found->dump();
  } else {
    row->problem = absl::StrCat(NameOf(column), " is ", json::ShownValue(*found), "; it must be a string",
                                MayBeInteger(column) ? " or an integer" : "");
  }
}

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

const char kFormatsHelp[] =
    R"(FILE is TSV (.tsv), CSV (.csv, RFC 4180) or JSON lines (.jsonl, .ndjson, .json), by its name or by --format. TSV
and CSV begin with a line that names the columns, in any order: text and, if there are any, label and text_pair.
JSON lines are objects with these fields, and maybe others.
)";

absl::StatusOr<Format> FormatOfFile(std::string_view name, Format otherwise) {
  constexpr std::pair<std::string_view, Format> kEndings[] = {{".tsv", Format::kTsv},     {".csv", Format::kCsv},
                                                              {".jsonl", Format::kJsonl}, {".ndjson", Format::kJsonl},
                                                              {".json", Format::kJsonl},  {".txt", Format::kText}};
  const std::string_view last = name.substr(name.rfind('/') + 1);
  const size_t dot = last.rfind('.');
  if (dot == std::string_view::npos) return otherwise;
  const std::string ending = absl::AsciiStrToLower(absl::string_view(last.data() + dot, last.size() - dot));
  for (const auto& [known, format] : kEndings) {
    if (ending == known) return format;
  }
  return errors::InvalidArgument(name, ": the format is not clear: the ending is ", json::ShownValue(ending),
                                 ", not .txt, .tsv, .csv, .jsonl, .ndjson or .json");
}

std::optional<Format> FormatNamed(std::string_view name) {
  constexpr std::pair<std::string_view, Format> kFormats[] = {
      {"txt", Format::kText}, {"tsv", Format::kTsv}, {"csv", Format::kCsv}, {"jsonl", Format::kJsonl}};
  for (const auto& [known, format] : kFormats) {
    if (name == known) return format;
  }
  return std::nullopt;
}

std::string Utf8Problem(Column column, std::string_view text) {
  const std::optional<size_t> invalid = tokenizer::FirstInvalidUtf8(text);
  return invalid ? absl::StrCat(NameOf(column), ": invalid UTF-8 at byte ", *invalid) : "";
}

RowParser::RowParser(const RowOptions& options) : options_(options) {}

std::optional<Row> RowParser::Take(std::string_view* rest, bool ended) {
  if (at_start_) {
    if (!ended && rest->size() < kByteOrderMark.size() && kByteOrderMark.starts_with(*rest)) return std::nullopt;
    if (rest->starts_with(kByteOrderMark)) rest->remove_prefix(kByteOrderMark.size());
    at_start_ = false;
  }
  std::optional<Record> record = TakeRecord(rest, ended);
  if (record && is_table() && !has_header_) {
    has_header_ = true;
    std::string problem = record->problem.empty() ? ReadHeader(*record) : record->problem;
    if (!problem.empty()) {
      return Row{.line = record->line, .bytes = record->bytes, .problem = std::move(problem), .is_last = true};
    }
    record = TakeRecord(rest, ended);
  }
  if (!record) return std::nullopt;
  Row row = {
      .line = record->line, .bytes = record->bytes, .problem = std::move(record->problem), .is_last = record->is_last};
  if (!row.problem.empty()) return row;
  if (options_.format == Format::kJsonl) {
    ReadObject(record->values.front(), &row);
  } else {
    ReadValues(*std::move(record), &row);
  }
  if (row.values[kPair] == "") row.values[kPair].reset();  // as for transformers: the text alone
  for (const Column column : {kText, kPair, kId}) {
    if (row.problem.empty() && row.values[column]) row.problem = Utf8Problem(column, *row.values[column]);
  }
  return row;
}

std::optional<Record> RowParser::TakeRecord(std::string_view* rest, bool ended) {
  std::optional<Record> record;
  do {
    record = TakeRecordOrBlank(rest, ended);
  } while (record && options_.format != Format::kText && record->problem.empty() && record->values.size() == 1 &&
           record->values.front().empty() && record->bytes <= 1);  // 1: a carriage return of CSV
  return record;
}

std::optional<Record> RowParser::TakeRecordOrBlank(std::string_view* rest, bool ended) {
  if (rest->empty()) return std::nullopt;
  if (options_.format != Format::kCsv) {
    if (!ended && rest->find('\n') == std::string_view::npos) return std::nullopt;
    return options_.format == Format::kTsv ? TakeTsvRecord(rest, &lines_) : TakeLineRecord(rest, &lines_);
  }
  std::string_view left = *rest;
  size_t lines = lines_;
  Record record = TakeCsvRecord(&left, &lines);
  const std::string_view taken = rest->substr(0, rest->size() - left.size());
  if (!ended && (record.is_last || !taken.ends_with('\n'))) return std::nullopt;  // what follows may change it
  *rest = left;
  lines_ = lines;
  return record;
}

std::string RowParser::ReadHeader(const Record& header) {
  for (size_t i = 0; i < header.values.size(); ++i) {
    const std::string name = absl::AsciiStrToLower(header.values[i]);
    const auto found = std::ranges::find(kColumnNames, name);
    if (found == kColumnNames.end()) continue;
    std::optional<size_t>& column = column_of_[static_cast<size_t>(found - kColumnNames.begin())];
    if (column) return absl::StrCat("the header names column ", json::Quoted(name), " twice");
    column = i;
  }
  header_values_ = header.values.size();
  if (column_of_[kText]) return "";
  return "the header names no column \"text\"; a file begins with a line such as label<TAB>text";
}

void RowParser::ReadValues(Record record, Row* row) const {
  if (!is_table()) {
    row->values[kText] = std::move(record.values.front());
    return;
  }
  if (record.values.size() != header_values_) {
    row->problem = absl::StrCat(record.values.size(), " fields; the header has ", header_values_);
    return;
  }
  for (size_t i = 0; i < kColumns; ++i) {
    if (column_of_[i]) row->values[i] = std::move(record.values[*column_of_[i]]);
  }
}

void RowParser::ReadObject(std::string_view text, Row* row) const {
  const auto object = json::ParseStrictJson(text);
  if (!object.ok()) {
    row->problem = std::string(object.status().message());
  } else if (!object->is_object()) {
    row->problem = absl::StrCat(json::ShownValue(*object), " is not a JSON object");
  } else {
    for (size_t column = 0; column < kColumns && row->problem.empty(); ++column) {
      ReadField(*object, column, row);
    }
    if (row->problem.empty() && !row->values[kText]) row->problem = "text is missing";
  }
}

}  // namespace roberta::rows
