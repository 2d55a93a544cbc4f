// Parses the input as a whole calibration.safetensors of a model of one layer and, so that mutations reach past the
// length prefix, as the header of one.
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>

#include "profiles/encoder/calibration.h"
#include "tests/fuzz/require.h"

namespace {

using namespace roberta;

constexpr char kRevision[] = "0123456789abcdef";

void ParseAndCheck(absl::Span<const std::byte> bytes) {
  checkpoint::ModelConfig config;
  config.num_hidden_layers = 1;
  config.num_attention_heads = 2;
  config.hidden_size = 4;
  config.intermediate_size = 6;
  const auto calibration = encoder::ParseCalibration(bytes, config, {}, kRevision);
  if (!calibration.ok()) {
    Require(calibration.status().message().find('\n') == absl::string_view::npos);
    return;
  }
  Require(calibration->revision == kRevision && calibration->texts > 0 && calibration->texts_hash.size() == 16);
  Require(calibration->smoothing.alpha >= 0 && calibration->smoothing.alpha <= 1);
  Require(calibration->smoothing.inputs.size() == 1);
  const encoder::LayerInputs& layer = calibration->smoothing.inputs[0];
  Require(layer.query_key_value.size() == 4 && layer.attention_output.size() == 4 && layer.intermediate.size() == 4 &&
          layer.output.size() == 6);
  for (const float range : layer.output) Require(std::isfinite(range) && range >= 0);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const auto* bytes = reinterpret_cast<const std::byte*>(data);
  ParseAndCheck({bytes, size});
  constexpr size_t kDataBytes = 18 * sizeof(float);  // what the model's inputs take
  const uint64_t header_bytes = size;
  std::string file(sizeof header_bytes + size + kDataBytes, '\0');
  std::memcpy(file.data(), &header_bytes, sizeof header_bytes);
  if (size > 0) std::memcpy(file.data() + sizeof header_bytes, data, size);
  ParseAndCheck({reinterpret_cast<const std::byte*>(file.data()), file.size()});
  return 0;
}
