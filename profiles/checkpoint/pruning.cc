#include "profiles/checkpoint/pruning.h"

#include <filesystem>
#include <nlohmann/json.hpp>
#include <system_error>

#include "profiles/checkpoint/files.h"
#include "profiles/errors/errors.h"
#include "profiles/json/strict_json.h"

namespace roberta::checkpoint {
namespace {

using Json = nlohmann::json;

constexpr char kFormat[] = "roberta-serve pruning";
constexpr int64_t kVersion = 1;
constexpr size_t kLongestPruningBytes = 64u << 20;

/// The indices of one field of one layer: ascending, each below `count`.
absl::Status ReadIndices(const Json& layer, const std::string& place, const char* name, int64_t count,
                         std::vector<int32_t>* indices) {
  const std::string field = absl::StrCat("field \"", place, ".", name, "\"");
  const auto found = layer.find(name);
  if (found == layer.end() || !found->is_array()) return errors::InvalidArgument(field + " is not a list of indices");
  for (const Json& value : *found) {
    const int64_t least = indices->empty() ? 0 : indices->back() + 1;
    if (!value.is_number_unsigned() || value.get<uint64_t>() < static_cast<uint64_t>(least) ||
        value.get<uint64_t>() >= static_cast<uint64_t>(count)) {
      return errors::InvalidArgument(field, " has ", json::ShownValue(value),
                                     ", which is not an index, in ascending order, below ", count);
    }
    indices->push_back(value.get<int32_t>());
  }
  return absl::OkStatus();
}

/// The value of `field`; null where `object` is none or has none.
Json Field(const Json& object, const char* field) {
  return object.is_object() ? object.value(field, Json()) : Json();
}

std::optional<std::string> Text(const Json& value) {
  if (!value.is_string()) return std::nullopt;
  return value.get<std::string>();
}

std::optional<uint64_t> Count(const Json& value) {
  if (!value.is_number_unsigned()) return std::nullopt;
  return value.get<uint64_t>();
}

std::optional<double> Share(const Json& value) {
  if (!value.is_number() || !(value.get<double>() >= 0 && value.get<double>() <= 1)) return std::nullopt;
  return value.get<double>();
}

}  // namespace

std::vector<size_t> BlocksOf(const std::vector<int32_t>& indices, size_t size) {
  std::vector<size_t> rows;
  for (const int32_t index : indices) {
    for (size_t i = 0; i < size; ++i) rows.push_back(static_cast<size_t>(index) * size + i);
  }
  return rows;
}

std::optional<std::string> FindPrunedVariant(const std::string& directory) {
  std::string variant = absl::StrCat(directory, "/", kPrunedVariant);
  std::error_code failure;
  if (!std::filesystem::exists(absl::StrCat(variant, "/", kPruningFile), failure)) return std::nullopt;
  return variant;
}

absl::StatusOr<PruningMask> ParsePruning(std::string_view text, const ModelConfig& config) {
  ASSIGN_OR_RETURN(const Json parsed, json::ParseStrictJson(text));
  if (!parsed.is_object()) return errors::InvalidArgument("is not a JSON object");
  const Json format = parsed.value("format", Json());
  if (format != kFormat) {
    return errors::InvalidArgument("field \"format\" is ", json::ShownValue(format), ", not \"", kFormat, "\"");
  }
  const Json version = parsed.value("version", Json());
  if (version != kVersion) {
    return errors::InvalidArgument("field \"version\" is ", json::ShownValue(version), ", not ", kVersion);
  }
  const auto layers = parsed.find("layers");
  if (layers == parsed.end() || !layers->is_array() ||
      layers->size() != static_cast<size_t>(config.num_hidden_layers)) {
    return errors::InvalidArgument("field \"layers\" is not a list of the model's ", config.num_hidden_layers);
  }
  PruningMask mask;
  for (const Json& layer : *layers) {
    const std::string place = absl::StrCat("layers[", mask.size(), "]");
    if (!layer.is_object()) return errors::InvalidArgument("field \"", place, "\" is not an object");
    mask.emplace_back();
    RETURN_IF_ERROR(ReadIndices(layer, place, "heads", config.num_attention_heads, &mask.back().heads));
    RETURN_IF_ERROR(ReadIndices(layer, place, "neurons", config.intermediate_size, &mask.back().neurons));
  }
  return mask;
}

absl::StatusOr<PruningMask> ReadPruning(const std::string& directory, const ModelConfig& config) {
  const std::string path = absl::StrCat(directory, "/", kPruningFile);
  const auto text = ReadTextFile(path, kLongestPruningBytes);
  if (absl::IsNotFound(text.status())) return PruningMask();
  if (!text.ok()) return text.status();
  return ParsePruning(*text, config);
}

std::string PruningJson(const PruningMask& mask) {
  nlohmann::ordered_json layers = nlohmann::ordered_json::array();
  for (const LayerMask& layer : mask) layers.push_back({{"heads", layer.heads}, {"neurons", layer.neurons}});
  const nlohmann::ordered_json file = {{"format", kFormat}, {"version", kVersion}, {"layers", std::move(layers)}};
  return file.dump() + "\n";
}

double KeptMacs(const PruningMask& mask, const ModelConfig& config) {
  if (mask.empty()) return 1;
  double kept = 0;
  for (const LayerMask& layer : mask) {
    kept += 4.0 * static_cast<double>(layer.heads.size()) * static_cast<double>(config.head_size()) +
            2.0 * static_cast<double>(layer.neurons.size());
  }
  const double dense =
      4.0 * static_cast<double>(config.hidden_size) + 2.0 * static_cast<double>(config.intermediate_size);
  return kept / (dense * static_cast<double>(config.num_hidden_layers));
}

PruningRecord ParsePruningRecord(std::string_view text) {
  const auto parsed = json::ParseStrictJson(text);
  if (!parsed.ok()) return {};
  const Json data = Field(*parsed, "data"), accuracy = Field(*parsed, "accuracy");
  return {.method = Text(Field(*parsed, "method")),
          .seed = Count(Field(*parsed, "seed")),
          .data_file = Text(Field(data, "file")),
          .data_hash = Text(Field(data, "hash")),
          .data_texts = Count(Field(data, "texts")),
          .accuracy_before = Share(Field(accuracy, "before")),
          .accuracy_after = Share(Field(accuracy, "after")),
          .accuracy_examples = Count(Field(accuracy, "examples"))};
}

absl::StatusOr<std::string> ReadPruningText(const std::string& directory) {
  const std::string path = absl::StrCat(directory, "/", kPruningFile);
  auto text = ReadTextFile(path, kLongestPruningBytes);
  if (!text.ok()) return errors::In(path, text.status());
  return text;
}

absl::StatusOr<PruningRecord> ReadPruningRecord(const std::string& directory) {
  ASSIGN_OR_RETURN(const auto text, ReadPruningText(directory));
  return ParsePruningRecord(text);
}

}  // namespace roberta::checkpoint
