#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "profiles/rows/row_file.h"

namespace roberta::cli {

/// One text to classify, or a piece of input that is not one.
struct Item {
  uint64_t index = 0;  ///< in the input, from 0; bad items count
  std::string place;   ///< for messages: "reviews.tsv:12"
  std::string text;    ///< valid UTF-8 unless there is a problem
  std::optional<std::string> text_pair;
  std::string id;
  std::string expected_label;  ///< from labeled input; empty: none
  uint64_t end_bytes = 0;      ///< where it ends in its file
  absl::Status problem;        ///< why it cannot be sent; OK if it can
};

/// Where items come from. One thread.
class ItemSource {
 public:
  virtual ~ItemSource() = default;

  using Outcome = rows::RowFile::Outcome;
  /// The next item, good or bad: kRow. Waits for it at most `patience`; a signal ends the wait. After kFailed, error()
  /// says why.
  virtual Outcome Next(std::chrono::milliseconds patience, Item* item) = 0;

  virtual absl::Status error() const { return absl::OkStatus(); }
  /// Bytes of the whole input where that is known, else 0.
  virtual uint64_t total_bytes() const { return 0; }
};

/// Texts as they stand on the command line.
std::unique_ptr<ItemSource> TextsOfCommandLine(std::vector<std::string> texts);

/// The rows of a file; "-" is standard input. Errors name the file and the system's reason.
absl::StatusOr<std::unique_ptr<ItemSource>> RowsOfFile(const std::string& file, const rows::RowFileOptions& options);

}  // namespace roberta::cli
