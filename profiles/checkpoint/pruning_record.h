#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace roberta::checkpoint {

/// What a pruning.json says of how it was made, beyond what it keeps. Nothing depends on it: a field that is absent, or
/// of another type or range, is nullopt.
struct PruningRecord {
  std::optional<std::string> method;
  std::optional<uint64_t> seed;
  std::optional<std::string> data_file;
  std::optional<std::string> data_hash;
  std::optional<uint64_t> data_texts;
  std::optional<double> accuracy_before;  ///< share of right labels, 0 to 1
  std::optional<double> accuracy_after;
  std::optional<uint64_t> accuracy_examples;
};

/// Reads "method", "seed", "data" {"file", "hash", "texts"} and "accuracy" {"before", "after", "examples"} of the text
/// of a pruning.json. What is no JSON object has none of them.
PruningRecord ParsePruningRecord(std::string_view json);

/// The same for `directory`/pruning.json. Errors name the file.
absl::StatusOr<PruningRecord> ReadPruningRecord(const std::string& directory);

/// The text of `directory`/pruning.json, of at most 64 MiB, unchecked. Errors name the file.
absl::StatusOr<std::string> ReadPruningText(const std::string& directory);

}  // namespace roberta::checkpoint
