#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "client/cli/item.h"
#include "client/cli/item_parser.h"

namespace roberta::cli {

/// Where items come from. One thread.
class ItemSource {
 public:
  virtual ~ItemSource() = default;

  enum class Outcome { kItem, kNothingYet, kEnd, kFailed };
  /// The next item, good or bad. Waits for it at most `patience`; a signal ends the wait. After kFailed, error() says
  /// why.
  virtual Outcome Next(std::chrono::milliseconds patience, Item* item) = 0;

  virtual absl::Status error() const { return absl::OkStatus(); }
  /// Bytes in all, for those that know; 0: unknown.
  virtual uint64_t total_bytes() const { return 0; }
};

/// Texts as they stand on the command line.
std::unique_ptr<ItemSource> TextsOfCommandLine(std::vector<std::string> texts);

struct FileOptions {
  InputFormat format = InputFormat::kText;
  size_t longest_line_bytes = size_t{16} << 20;
};
/// The lines of a file; "-" is standard input. Errors name the file and the system's reason.
absl::StatusOr<std::unique_ptr<ItemSource>> LinesOfFile(const std::string& file, const FileOptions& options);

}  // namespace roberta::cli
