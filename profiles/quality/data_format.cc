#include "profiles/quality/data_format.h"

namespace roberta::quality {

DataFormat FormatOfFile(std::string_view name) {
  for (const std::string_view end : {".jsonl", ".ndjson", ".json"}) {
    if (name.ends_with(end)) return DataFormat::kJsonl;
  }
  return name.ends_with(".csv") ? DataFormat::kCsv : DataFormat::kTsv;
}

std::optional<DataFormat> DataFormatOf(std::string_view name) {
  if (name == "tsv") return DataFormat::kTsv;
  if (name == "jsonl") return DataFormat::kJsonl;
  if (name == "csv") return DataFormat::kCsv;
  return std::nullopt;
}

}  // namespace roberta::quality
