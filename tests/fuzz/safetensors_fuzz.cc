// Parses the input as a whole safetensors file and, so that mutations reach past the length prefix, as the header of
// one.
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>

#include "profiles/checkpoint/safetensors.h"
#include "tests/fuzz/require.h"

namespace {

using roberta::checkpoint::ParseSafetensors;
using roberta::checkpoint::TensorView;

/// What is accepted must be sound: tensors side by side to the end of the file, each the size of its shape.
void ParseAndCheck(absl::Span<const std::byte> bytes) {
  const auto file = ParseSafetensors(bytes);
  if (!file.ok()) {
    Require(file.status().message().find('\n') == absl::string_view::npos);
    return;
  }
  size_t data_bytes = 0;
  for (const TensorView& tensor : file->tensors) data_bytes += tensor.data.size();
  const std::byte* expected = bytes.data() + bytes.size() - data_bytes;
  for (const TensorView& tensor : file->tensors) {
    Require(tensor.data.data() == expected);
    Require(static_cast<size_t>(tensor.elements()) * DtypeBytes(tensor.dtype) == tensor.data.size());
    expected += tensor.data.size();
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const auto* bytes = reinterpret_cast<const std::byte*>(data);
  ParseAndCheck({bytes, size});
  constexpr size_t kDataBytes = 14;  // what the headers of the corpus declare
  const uint64_t header_bytes = size;
  std::string file(sizeof header_bytes + size + kDataBytes, '\0');
  std::memcpy(file.data(), &header_bytes, sizeof header_bytes);
  if (size > 0) std::memcpy(file.data() + sizeof header_bytes, data, size);
  ParseAndCheck({reinterpret_cast<const std::byte*>(file.data()), file.size()});
  return 0;
}
