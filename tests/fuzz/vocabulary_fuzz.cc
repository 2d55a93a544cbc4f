// Parses the input as a tokenizer.json, and as vocab.json and merges.txt with a NUL byte between them. What is accepted
// must tokenise anything.
#include <cstddef>
#include <cstdint>
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
  const size_t tokens = vocabulary->tokens.size();
  const auto tokenizer = Tokenizer::FromVocabulary(*std::move(vocabulary));
  Encoding encoding;
  Require(tokenizer->Encode("he said: <mask> \n\xC3\xA9!", "he", {.with_offsets = true}, &encoding).ok());
  for (const int32_t id : encoding.ids) Require(id >= 0 && static_cast<size_t>(id) < tokens);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string input(reinterpret_cast<const char*>(data), size);
  Try(ParseTokenizerJson(input, "tokenizer.json"));
  const size_t nul = input.find('\0');
  if (nul != std::string::npos) Try(ParseVocabJson(input.substr(0, nul), input.substr(nul + 1), "", "model"));
  return 0;
}
