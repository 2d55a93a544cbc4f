// Tokenises the input with the demo model's vocabulary. The first byte chooses the options, the next where the text
// ends and its pair begins.
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "profiles/tokenizer/tokenizer.h"
#include "profiles/tokenizer/utf8.h"
#include "tests/fuzz/require.h"
#include "tests/test_paths.h"

namespace {

using namespace roberta::tokenizer;

const Tokenizer& Demo() {
  static const auto tokenizer = Tokenizer::Load(roberta::test_paths::InRepository("models/demo-sst2")).value();
  return *tokenizer;
}

void CheckOffsets(const Encoding& encoding, size_t longest) {
  Require(encoding.offsets.size() == encoding.ids.size());
  for (const Offset& offset : encoding.offsets) Require(offset.begin <= offset.end && offset.end <= longest);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size < 2) return 0;
  const uint8_t choice = data[0];
  std::string_view text(reinterpret_cast<const char*>(data) + 2, size - 2);
  std::optional<std::string_view> pair;
  if ((choice & 1) != 0) {
    const size_t middle = text.size() * data[1] / 256;
    pair = text.substr(middle);
    text = text.substr(0, middle);
  }
  EncodeOptions options = {.with_offsets = true};
  if ((choice & 2) != 0) options.max_tokens = 4u + (choice >> 4);
  options.truncation = (choice & 4) != 0   ? Truncation::kRight
                       : (choice & 8) != 0 ? Truncation::kLeft
                                           : Truncation::kError;
  Encoding encoding;
  const absl::Status status = Demo().Encode(text, pair, options, &encoding);
  const bool valid = !FirstInvalidUtf8(text) && !(pair && FirstInvalidUtf8(*pair));
  if (!valid) {
    Require(status.code() == absl::StatusCode::kInvalidArgument);
    return 0;
  }
  if (!status.ok()) {
    Require(status.code() == absl::StatusCode::kOutOfRange && options.truncation == Truncation::kError);
    return 0;
  }
  Require(encoding.ids.size() >= 2);
  Require(options.max_tokens == 0 || encoding.ids.size() <= options.max_tokens);
  for (const int32_t id : encoding.ids) Require(!Demo().TokenText(id).empty());
  CheckOffsets(encoding, std::max(CountCodePoints(text), pair ? CountCodePoints(*pair) : 0));
  return 0;
}
