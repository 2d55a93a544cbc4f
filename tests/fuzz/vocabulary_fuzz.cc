// Parses the input as a tokenizer.json and, cut at its NUL bytes, as vocab.json, merges.txt, tokenizer_config.json,
// special_tokens_map.json and added_tokens.json. What is accepted must tokenise anything.
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "profiles/tokenizer/tokenizer.h"
#include "profiles/tokenizer/vocabulary.h"
#include "tests/fuzz/require.h"

namespace {

using namespace roberta::tokenizer;

void Try(absl::StatusOr<Vocabulary> vocabulary) {
  if (!vocabulary.ok()) {
    Require(vocabulary.status().message().find('\n') == absl::string_view::npos);
    return;
  }
  const auto tokenizer = Tokenizer::FromVocabulary(*std::move(vocabulary));
  Encoding encoding;
  const absl::Status status =
      tokenizer->Encode("he said: <mask> \n\xC3\xA9 \xC4\xB0 12!", "he", {.with_offsets = true}, &encoding);
  if (!status.ok()) return;  // without a token, or with a pattern that takes too long
  for (const int32_t id : encoding.ids) Require(id >= 0 && id <= tokenizer->largest_id());
  Require(encoding.offsets.size() == encoding.ids.size());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string input(reinterpret_cast<const char*>(data), size);
  Try(ParseVocabulary({.directory = "model", .tokenizer_json = input}));
  TokenizerFiles files = {.directory = "model"};
  std::string_view rest = input;
  for (std::optional<std::string>* file : {&files.vocab_json, &files.merges_txt, &files.tokenizer_config_json,
                                           &files.special_tokens_map_json, &files.added_tokens_json}) {
    const size_t nul = rest.find('\0');
    *file = std::string(rest.substr(0, nul));
    if (nul == std::string_view::npos) break;
    rest.remove_prefix(nul + 1);
  }
  Try(ParseVocabulary(files));
  return 0;
}
