#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

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

}  // namespace roberta::rows
