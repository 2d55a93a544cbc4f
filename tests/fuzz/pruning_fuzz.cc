// Parses the input as the pruning.json of a model of two layers.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "profiles/checkpoint/pruning.h"
#include "tests/fuzz/require.h"

namespace {

using namespace roberta::checkpoint;

void RequireIndices(const std::vector<int32_t>& indices, int64_t count) {
  for (size_t i = 0; i < indices.size(); ++i) {
    Require(indices[i] >= 0 && indices[i] < count && (i == 0 || indices[i] > indices[i - 1]));
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  ModelConfig config;
  config.num_hidden_layers = 2;
  config.num_attention_heads = 4;
  config.hidden_size = 16;
  config.intermediate_size = 6;
  const auto mask = ParsePruning(text, config);
  if (mask.ok()) {
    Require(mask->size() == 2 && ParsePruning(PruningJson(*mask), config).value() == *mask);
    for (const LayerMask& layer : *mask) {
      RequireIndices(layer.heads, config.num_attention_heads);
      RequireIndices(layer.neurons, config.intermediate_size);
    }
  } else {
    Require(mask.status().message().find('\n') == absl::string_view::npos);
  }
  const PruningRecord record = ParsePruningRecord(text);
  Require(!record.accuracy_before || (*record.accuracy_before >= 0 && *record.accuracy_before <= 1));
  Require(!record.accuracy_after || (*record.accuracy_after >= 0 && *record.accuracy_after <= 1));
  return 0;
}
