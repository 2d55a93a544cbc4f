#pragma once

#include <array>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"

namespace roberta::rows {

/// Values between separators, as a file has them: of any bytes.
struct Record {
  size_t line = 0;   ///< on which it begins, from 1
  size_t bytes = 0;  ///< that it takes, without the line end
  std::vector<std::string> values;
  std::string problem;  ///< why the values cannot be separated; empty if they can
  /// With a problem that leaves it open where the next record begins, so that nothing after it can be read.
  bool is_last = false;
};

/// Takes the next line off the front of `*rest`, without its LF or CRLF.
std::string_view TakeLine(std::string_view* rest);

/// Takes the next line off the front of `*rest`, which must not be empty, as one value, and counts it in `*lines`.
Record TakeLineRecord(std::string_view* rest, size_t* lines);

/// The same as tab-separated values.
Record TakeTsvRecord(std::string_view* rest, size_t* lines);

/// The same for a CSV record (RFC 4180), which may take several lines; they may end in LF alone. After a problem the
/// next record begins on the next line.
Record TakeCsvRecord(std::string_view* rest, size_t* lines);

/// Files of texts, as every program here reads them. One dialect:
///
///   text    A text a line.
///   TSV     The first line names the columns, in any order and in capitals or not: text and, if there are any, label,
///           text_pair and id; others are passed over. Each further line has as many values, between tabs. There are no
///           quotes, and no tab or line end in a value.
///   CSV     The same by RFC 4180: values between commas; a value in double quotes may hold commas, line ends and
///           double quotes, which are written twice.
///   JSONL   A JSON object a line, with the same names as fields; text must be there. Other fields are passed over, and
///           null is as good as absent. label and id may be integers. JSON is read strictly, see ParseStrictJson.
///
/// Lines end in LF or CRLF; the last one may end in neither. A byte order mark at the start is passed over, and so are
/// empty lines, but for those of text, which count as texts so that results stand in the order of the lines. Texts and
/// ids are UTF-8. An empty text_pair is as good as none.
enum class Format { kText, kTsv, kCsv, kJsonl };

/// What --help says of the formats; it ends in a line end.
extern const char kFormatsHelp[];

/// By the end of a file's name, in capitals or not: .txt, .tsv, .csv, and .jsonl, .ndjson or .json; `otherwise` for
/// names without an ending. Errors (InvalidArgument) for other endings: a table that is read as lines would be a silent
/// mistake.
absl::StatusOr<Format> FormatOfFile(std::string_view name, Format otherwise);

/// "txt", "tsv", "csv" or "jsonl"; nullopt for another name.
std::optional<Format> FormatNamed(std::string_view name);

enum Column : size_t { kText, kLabel, kPair, kId, kColumns };
inline constexpr std::array<std::string_view, kColumns> kColumnNames = {"text", "label", "text_pair", "id"};

/// What a file says of one text.
struct Row {
  size_t line = 0;   ///< on which it begins, from 1
  size_t bytes = 0;  ///< that it takes in the file, without its line end
  std::array<std::optional<std::string>, kColumns> values = {};
  /// What is wrong with it, in one line; empty if the row is good. Values are then unset or unchecked.
  std::string problem;
  /// With a problem after which nothing more can be read: a bad header, or one that leaves it open where the next row
  /// begins.
  bool is_last = false;
  bool is_too_long = false;  ///< the problem: it has more bytes than are kept
};

struct RowOptions {
  Format format = Format::kText;
};

/// Takes rows off the front of a text that may still be arriving. One thread.
class RowParser {
 public:
  explicit RowParser(const RowOptions& options);

  /// Takes the next row off the front of `*rest`, where `*rest` holds all of it; `ended` says that nothing follows
  /// `*rest`. Otherwise returns nullopt: call it again with what it left of `*rest` and more. nullopt at the end, too.
  /// A header is taken on the way; a bad one is returned as a row that is the last.
  std::optional<Row> Take(std::string_view* rest, bool ended);

  /// Counts a line that the caller has dropped unread, and returns its number.
  size_t SkipLine() { return ++lines_; }
  size_t lines() const { return lines_; }  ///< taken or skipped so far
  /// Whether a row after a line that is dropped can be found, and read: not within CSV, nor without a header.
  bool can_skip() const { return !is_table() || (options_.format == Format::kTsv && has_header_); }

 private:
  bool is_table() const { return options_.format == Format::kTsv || options_.format == Format::kCsv; }
  std::optional<Record> TakeRecord(std::string_view* rest, bool ended);
  std::optional<Record> TakeRecordOrBlank(std::string_view* rest, bool ended);
  std::string ReadHeader(const Record& header);
  void ReadValues(Record record, Row* row) const;
  void ReadObject(std::string_view text, Row* row) const;

  const RowOptions options_;
  bool at_start_ = true;
  bool has_header_ = false;
  size_t lines_ = 0;
  size_t header_values_ = 0;
  std::array<std::optional<size_t>, kColumns> column_of_;  ///< in a record
};

/// "text: invalid UTF-8 at byte 2", counted from 0, where the text of `column` is not UTF-8; else empty.
std::string Utf8Problem(Column column, std::string_view text);

}  // namespace roberta::rows
