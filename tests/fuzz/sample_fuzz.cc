// Parses the input as a sample for comparing profiles: for a model with labels of a text, and for one without.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "profiles/quality/sample.h"
#include "profiles/tokenizer/utf8.h"
#include "tests/fuzz/require.h"

namespace {

using namespace roberta;

void Try(std::string_view tsv, const checkpoint::ModelConfig& config) {
  const auto sample = quality::ParseSample(tsv, config, "sample.tsv");
  if (!sample.ok()) {
    const std::string message(sample.status().message());
    Require(message.starts_with("sample.tsv:") && message.find('\n') == std::string::npos && message.size() < 1000);
    Require(!tokenizer::FirstInvalidUtf8(message));
    return;
  }
  Require(!sample->empty());
  for (const quality::Example& example : *sample) {
    Require(!tokenizer::FirstInvalidUtf8(example.text) && !tokenizer::IsBlank(example.text));
    Require(example.label.has_value() == sample->front().label.has_value());
    Require(!example.label || (*example.label >= 0 && *example.label < config.num_labels()));
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  checkpoint::ModelConfig config;
  config.labels = {"negative", "positive"};
  Try(text, config);
  config.problem_type = checkpoint::ProblemType::kMultiLabel;
  Try(text, config);
  return 0;
}
