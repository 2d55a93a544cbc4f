#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "profiles/checkpoint/config.h"
#include "profiles/rows/rows.h"

namespace roberta::quality {

/// Name of the sample that belongs to a model, in its directory.
inline constexpr char kSampleFile[] = "sample.tsv";

struct Example {
  std::string text;  ///< UTF-8, not blank
  std::optional<std::string> pair;
  std::optional<int32_t> label;  ///< index in the model's labels
  friend bool operator==(const Example&, const Example&) = default;
};

/// Texts that profiles are compared on. At least one; either all have a label or none.
using Sample = std::vector<Example>;

struct DataOptions {
  std::optional<rows::Format> format;  ///< by the file's name where absent; TSV where that says nothing
  bool skip_bad_rows = false;
  bool read_labels = true;  ///< else whatever a file says of labels is passed over
};

/// What was read of a file.
struct Data {
  Sample sample;
  size_t bad_rows = 0;                ///< that were skipped
  std::vector<std::string> problems;  ///< of the first kMostProblems of them, as errors have them
};

inline constexpr size_t kMostProblems = 5;

/// Parses examples in the dialect of rows::Format: text and, if wanted, label and text_pair; TSV and CSV may have no
/// other columns. A label is a name out of `config.labels`, else the index of one.
///
/// `file` is the name in errors. InvalidArgument, in one line, names file, line, column and value of a row that is bad:
/// what rows::Row has as a problem, a text that is blank, a label that the model does not have, or a label in some rows
/// only. `skip_bad_rows` passes over these, but not over a row after which nothing can be read. It is an error if no
/// row is good or there are more than 1,000,000, and if there are labels for a model that answers otherwise.
absl::StatusOr<Data> ParseData(std::string_view text, const checkpoint::ModelConfig& config, std::string_view file,
                               const DataOptions& options);

/// The same for a file of at most 64 MiB. Further errors: NotFound where it cannot be read.
absl::StatusOr<Data> ReadData(const std::string& path, const checkpoint::ModelConfig& config,
                              const DataOptions& options);

/// The examples of a file in which every row is good.
absl::StatusOr<Sample> ReadSample(const std::string& path, const checkpoint::ModelConfig& config);

}  // namespace roberta::quality
