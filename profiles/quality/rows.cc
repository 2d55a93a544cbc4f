#include "profiles/quality/rows.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "profiles/json/quoted.h"
#include "profiles/json/strict_json.h"
#include "profiles/quality/records.h"

namespace roberta::quality {

namespace {

/// TSV and CSV.
class TableReader final : public RowReader {
 public:
  TableReader(std::string_view text, DataFormat format) : rest_(text), format_(format) { column_of_.fill(kAbsent); }

  absl::Status ReadHeader() {
    const Record header = TakeRecord();
    if (!header.problem.empty()) return absl::InvalidArgumentError(header.problem);
    for (size_t i = 0; i < header.values.size(); ++i) {
      const std::string& name = header.values[i];
      const auto found = std::find(kColumnNames.begin(), kColumnNames.end(), name);
      if (found == kColumnNames.end()) {
        return absl::InvalidArgumentError(
            absl::StrCat("column ", json::Quoted(name), " is unknown; they are text, label and text_pair"));
      }
      size_t& column = column_of_[static_cast<size_t>(found - kColumnNames.begin())];
      if (column != kAbsent) {
        return absl::InvalidArgumentError(absl::StrCat("column ", json::Quoted(name), " is there twice"));
      }
      column = i;
    }
    if (column_of_[kText] == kAbsent) return absl::InvalidArgumentError("there is no column text in the header");
    values_ = header.values.size();
    return absl::OkStatus();
  }

  std::optional<Row> Next() override {
    if (rest_.empty()) return std::nullopt;
    Record record = TakeRecord();
    Row row = {.line = record.line, .values = {}, .problem = std::move(record.problem), .is_last = record.is_last};
    if (row.problem.empty() && record.values.size() != values_) {
      row.problem = absl::StrCat(record.values.size(), " fields; the header has ", values_);
    }
    if (!row.problem.empty()) return row;
    for (size_t i = 0; i < kColumns; ++i) {
      if (column_of_[i] != kAbsent) row.values[i] = std::move(record.values[column_of_[i]]);
    }
    return row;
  }

 private:
  static constexpr size_t kAbsent = SIZE_MAX;

  Record TakeRecord() {
    return format_ == DataFormat::kCsv ? TakeCsvRecord(&rest_, &line_) : TakeTsvRecord(&rest_, &line_);
  }

  std::string_view rest_;
  const DataFormat format_;
  size_t line_ = 0;
  size_t values_ = 0;  ///< of a record
  std::array<size_t, kColumns> column_of_;
};

class JsonlReader final : public RowReader {
 public:
  explicit JsonlReader(std::string_view text) : rest_(text) {}

  std::optional<Row> Next() override {
    if (rest_.empty()) return std::nullopt;
    Row row;
    row.line = ++line_;
    const auto object = json::ParseStrictJson(TakeLine(&rest_));
    if (!object.ok()) {
      row.problem = std::string(object.status().message());
    } else if (!object->is_object()) {
      row.problem = absl::StrCat(json::ShownValue(*object), " is not a JSON object");
    } else {
      for (size_t i = 0; i < kColumns && row.problem.empty(); ++i) ReadField(*object, static_cast<Column>(i), &row);
      if (row.problem.empty() && !row.values[kText]) row.problem = "text is missing";
    }
    return row;
  }

 private:
  static void ReadField(const nlohmann::json& object, Column column, Row* row) {
    const auto found = object.find(std::string(kColumnNames[column]));
    if (found == object.end() || found->is_null()) return;
    if (found->is_string()) {
      row->values[column] = found->get<std::string>();
    } else if (column == kLabel && found->is_number_integer()) {
      row->values[column] = found->dump();
    } else {
      row->problem = absl::StrCat(std::string(kColumnNames[column]), " is ", json::ShownValue(*found),
                                  column == kLabel ? "; it must be a string or an integer" : "; it must be a string");
    }
  }

  std::string_view rest_;
  size_t line_ = 0;
};

}  // namespace

absl::StatusOr<std::unique_ptr<RowReader>> RowReader::Open(std::string_view text, DataFormat format) {
  if (format == DataFormat::kJsonl) return std::make_unique<JsonlReader>(text);
  auto reader = std::make_unique<TableReader>(text, format);
  absl::Status status = reader->ReadHeader();
  if (!status.ok()) return status;
  return reader;
}

}  // namespace roberta::quality
