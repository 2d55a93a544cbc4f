#pragma once

#include <array>
#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "profiles/quality/data_format.h"

namespace roberta::quality {

enum Column : size_t { kText, kLabel, kPair, kColumns };
inline constexpr std::array<std::string_view, kColumns> kColumnNames = {"text", "label", "text_pair"};

/// What a file says of one example, unchecked.
struct Row {
  size_t line = 0;  ///< on which it begins, from 1
  std::array<std::optional<std::string>, kColumns> values;
  std::string problem;   ///< why there are no values; empty if there are
  bool is_last = false;  ///< with a problem that leaves it open where the next row begins
};

/// Reads the rows of a text, of which it keeps a view.
class RowReader {
 public:
  /// Reads the header line, where the format has one. InvalidArgument, without the name of the file: a column that is
  /// unknown or there twice, or no column text.
  static absl::StatusOr<std::unique_ptr<RowReader>> Open(std::string_view text, DataFormat format);

  virtual ~RowReader() = default;

  /// nullopt at the end.
  virtual std::optional<Row> Next() = 0;
};

}  // namespace roberta::quality
