#include "profiles/checkpoint/pruning_record.h"

#include <nlohmann/json.hpp>

#include "absl/strings/str_cat.h"
#include "profiles/checkpoint/mapped_file.h"
#include "profiles/checkpoint/pruning.h"
#include "profiles/json/strict_json.h"

namespace roberta::checkpoint {

namespace {

using Json = nlohmann::json;

constexpr size_t kLongestPruningBytes = 64u << 20;

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

PruningRecord ParsePruningRecord(std::string_view json) {
  const auto parsed = roberta::json::ParseStrictJson(json);
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
  if (!text.ok()) return absl::Status(text.status().code(), absl::StrCat(path, ": ", text.status().message()));
  return text;
}

absl::StatusOr<PruningRecord> ReadPruningRecord(const std::string& directory) {
  const auto text = ReadPruningText(directory);
  if (!text.ok()) return text.status();
  return ParsePruningRecord(*text);
}

}  // namespace roberta::checkpoint
