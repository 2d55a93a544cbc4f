#pragma once

#include <optional>
#include <string_view>

namespace roberta::quality {

/// How a file of examples is written.
enum class DataFormat {
  kTsv,    ///< tab-separated values under a header line: no quotes, no tab or line end within a value
  kJsonl,  ///< a JSON object a line
  kCsv,    ///< RFC 4180 under a header line: values in double quotes may hold commas, line ends and doubled quotes
};

/// By the end of a file's name: .jsonl, .ndjson and .json are JSONL, .csv is CSV, everything else TSV.
DataFormat FormatOfFile(std::string_view name);

/// "tsv", "jsonl" or "csv"; nullopt for another name.
std::optional<DataFormat> DataFormatOf(std::string_view name);

}  // namespace roberta::quality
