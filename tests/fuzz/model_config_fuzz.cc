// Parses the input as a config.json.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "profiles/checkpoint/tensor_table.h"
#include "tests/fuzz/require.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const auto config = roberta::checkpoint::ParseModelConfig({reinterpret_cast<const char*>(data), size}, "config.json");
  if (!config.ok()) {
    Require(config.status().message().find('\n') == absl::string_view::npos);
    return 0;
  }
  Require(config->head_size() * config->num_attention_heads == config->hidden_size);
  Require(config->max_tokens() >= 1);
  Require(config->num_labels() >= 1);
  const size_t layers = static_cast<size_t>(config->num_hidden_layers);
  Require(roberta::checkpoint::ExpectedTensors(*config).size() == 9 + 16 * layers);
  return 0;
}
