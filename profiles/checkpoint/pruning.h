#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "profiles/checkpoint/config.h"

namespace roberta::checkpoint {

/// The attention heads and the neurons of the feed-forward part that a layer keeps, by their index in the dense model,
/// ascending.
struct LayerMask {
  std::vector<int32_t> heads;
  std::vector<int32_t> neurons;
  friend bool operator==(const LayerMask&, const LayerMask&) = default;
};

/// The rows, or columns, of blocks of `size` each, by the blocks' `indices`.
std::vector<size_t> BlocksOf(const std::vector<int32_t>& indices, size_t size);

/// One for each layer; empty where nothing is pruned.
using PruningMask = std::vector<LayerMask>;

/// Name of the file that makes a checkpoint a pruned one. The directory's config.json is still that of the dense model;
/// of each layer the weights of query, key and value have head_size rows for each kept head, in order, attention.output
/// as many columns, intermediate a row and output a column for each kept neuron. The file is JSON:
///
///   {"format": "roberta-serve pruning", "version": 1, "layers": [{"heads": [0, 2], "neurons": [0, 1, 5]}, ...]}
///
/// and may have more fields, which say how it was made.
inline constexpr char kPruningFile[] = "pruning.json";

/// Subdirectory in which a dense checkpoint's directory holds the same model pruned: one model, several profiles.
inline constexpr char kPrunedVariant[] = "pruned";

/// `directory`/pruned where that holds a pruning.json, sound or not; nullopt elsewhere.
std::optional<std::string> FindPrunedVariant(const std::string& directory);

/// Parses the text of a pruning.json for a model of `config`. InvalidArgument (without the name of the file) names the
/// field and the value.
absl::StatusOr<PruningMask> ParsePruning(std::string_view json, const ModelConfig& config);

/// The same for `directory`/pruning.json; an empty mask where there is no such file.
absl::StatusOr<PruningMask> ReadPruning(const std::string& directory, const ModelConfig& config);

/// The least that ParsePruning reads, from a mask.
std::string PruningJson(const PruningMask& mask);

/// The share of the encoder's multiply-accumulates for a token that `mask` keeps, without attention's own, which grow
/// with the text's length. 1 for an empty mask.
double KeptMacs(const PruningMask& mask, const ModelConfig& config);

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
/// of a pruning.json. A text that is not a JSON object has none of them.
PruningRecord ParsePruningRecord(std::string_view json);

/// The same for `directory`/pruning.json. Errors name the file.
absl::StatusOr<PruningRecord> ReadPruningRecord(const std::string& directory);

/// The text of `directory`/pruning.json, of at most 64 MiB, unchecked. Errors name the file.
absl::StatusOr<std::string> ReadPruningText(const std::string& directory);

}  // namespace roberta::checkpoint
