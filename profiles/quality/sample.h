#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "profiles/checkpoint/config.h"

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

/// Parses tab-separated values: a header that names the columns, `text` and, if wanted, `label` and `text_pair`, in any
/// order, then a line for each example (LF or CRLF). A label is a name out of `config.labels`, else its index. `file`
/// is the name in errors. InvalidArgument, in one line, names file, line, column and value: a column that is unknown,
/// missing or there twice, a line of another number of fields, a text that is blank or not UTF-8, a label that the
/// model has not, labels for a model whose answer is not one of several labels, no example, or more than 1,000,000.
absl::StatusOr<Sample> ParseSample(std::string_view tsv, const checkpoint::ModelConfig& config, std::string_view file);

/// The same for a file of at most 64 MiB. Further errors: NotFound where it cannot be read.
absl::StatusOr<Sample> ReadSample(const std::string& path, const checkpoint::ModelConfig& config);

}  // namespace roberta::quality
