// Parses the input as examples, in each of the formats: for a model with labels of a text, and for one without. The
// first byte says whether bad rows are skipped.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "profiles/quality/sample.h"
#include "profiles/tokenizer/utf8.h"
#include "tests/fuzz/require.h"

namespace {

using namespace roberta;

constexpr size_t kLongestMessageBytes = 2000;  // a quoted value is cut at 200 bytes, of which each may be escaped

void RequireMessage(std::string_view message) {
  Require(message.starts_with("data:") && message.find('\n') == std::string::npos);
  Require(message.size() < kLongestMessageBytes && !tokenizer::FirstInvalidUtf8(message));
}

void Try(std::string_view text, const checkpoint::ModelConfig& config, const quality::DataOptions& options) {
  const auto data = quality::ParseData(text, config, "data", options);
  if (!data.ok()) return RequireMessage({data.status().message().data(), data.status().message().size()});
  Require(!data->sample.empty());
  Require(options.skip_bad_rows || data->bad_rows == 0);
  Require(data->problems.size() <= data->bad_rows);
  for (const std::string& problem : data->problems) RequireMessage(problem);
  for (const quality::Example& example : data->sample) {
    Require(!tokenizer::FirstInvalidUtf8(example.text) && !tokenizer::IsBlank(example.text));
    Require(example.label.has_value() == data->sample.front().label.has_value());
    Require(!example.label || (*example.label >= 0 && *example.label < config.num_labels()));
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  const std::string_view text(reinterpret_cast<const char*>(data) + 1, size - 1);
  for (const auto format : {rows::Format::kTsv, rows::Format::kJsonl, rows::Format::kCsv}) {
    quality::DataOptions options = {.format = format, .skip_bad_rows = data[0] % 2 == 1};
    checkpoint::ModelConfig config;
    config.labels = {"negative", "positive"};
    Try(text, config, options);
    config.problem_type = checkpoint::ProblemType::kMultiLabel;
    Try(text, config, options);
    options.read_labels = false;
    Try(text, config, options);
  }
  return 0;
}
