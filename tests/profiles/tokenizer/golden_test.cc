// The tokens that Hugging Face's `tokenizers` gives, id for id and offset for offset.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "profiles/tokenizer/tokenizer.h"
#include "tests/test_paths.h"

namespace roberta::tokenizer {
namespace {

std::unique_ptr<const Tokenizer> LoadOrDie(const std::string& directory) {
  auto tokenizer = Tokenizer::Load(directory);
  EXPECT_TRUE(tokenizer.ok()) << tokenizer.status();
  return *std::move(tokenizer);
}

/// Compares every case of a golden file; returns how many there were.
size_t CompareAll(const Tokenizer& tokenizer, const std::string& golden_file) {
  std::ifstream file(golden_file);
  size_t cases = 0;
  Encoding encoding;
  for (std::string line; std::getline(file, line); ++cases) {
    const nlohmann::json golden = nlohmann::json::parse(line);
    const std::string text = golden["text"];
    std::optional<std::string> pair;
    if (golden.contains("pair")) pair = golden["pair"].get<std::string>();
    EncodeOptions options = {.with_offsets = true};
    if (golden.contains("max_tokens")) {
      options.max_tokens = golden["max_tokens"];
      options.truncation = golden["truncation"] == "left" ? Truncation::kLeft : Truncation::kRight;
    }
    const absl::Status status =
        tokenizer.Encode(text, pair ? std::optional<std::string_view>(*pair) : std::nullopt, options, &encoding);
    EXPECT_TRUE(status.ok()) << status << " for " << golden["text"];
    EXPECT_EQ(nlohmann::json(encoding.ids), golden["ids"]) << golden["text"];
    EXPECT_EQ(encoding.offsets.size(), encoding.ids.size());
    if (golden.contains("offsets")) {
      nlohmann::json offsets = nlohmann::json::array();
      for (const Offset& offset : encoding.offsets) offsets.push_back({offset.begin, offset.end});
      EXPECT_EQ(offsets, golden["offsets"]) << golden["text"];
    }
  }
  return cases;
}

TEST(TokenizerGolden, RobertaBaseFromVocabAndMerges) {
  ROBERTA_SHARED_OR_SKIP(vocabulary, "data/roberta-base");
  ROBERTA_SHARED_OR_SKIP(golden, "data/tokenizer-golden/roberta-base.jsonl");
  EXPECT_EQ(CompareAll(*LoadOrDie(vocabulary), golden), 2351u);
}

TEST(TokenizerGolden, RobertaBaseFromTokenizerJsonAlone) {
  ROBERTA_SHARED_OR_SKIP(file, "data/roberta-base/tokenizer.json");
  ROBERTA_SHARED_OR_SKIP(golden, "data/tokenizer-golden/roberta-base.jsonl");
  const std::string directory = testing::TempDir() + "tokenizer_json_alone";
  std::filesystem::create_directories(directory);
  std::filesystem::copy_file(file, directory + "/tokenizer.json", std::filesystem::copy_options::overwrite_existing);
  EXPECT_EQ(CompareAll(*LoadOrDie(directory), golden), 2351u);
  std::filesystem::remove_all(directory);
}

}  // namespace
}  // namespace roberta::tokenizer
