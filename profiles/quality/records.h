#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace roberta::quality {

/// Values between separators, as a file has them: of any bytes.
struct Record {
  size_t line = 0;  ///< on which it begins, from 1
  std::vector<std::string> values;
  std::string problem;  ///< why the values cannot be told apart; empty if they can
  /// Where the problem leaves it open where the next record begins, so that nothing after it can be read.
  bool is_last = false;
};

/// Takes the next piece up to `separator`, or all that is left, off the front of `*rest`.
std::string_view Take(std::string_view* rest, char separator);

/// Takes the next line off the front of `*rest`, without its LF or CRLF.
std::string_view TakeLine(std::string_view* rest);

/// Takes the next line off the front of `*rest`, which must not be empty, as tab-separated values, and counts it.
Record TakeTsvRecord(std::string_view* rest, size_t* line);

/// The same for a CSV record (RFC 4180), which may take several lines; they may end in LF alone. After a problem the
/// next record begins on the next line.
Record TakeCsvRecord(std::string_view* rest, size_t* line);

}  // namespace roberta::quality
