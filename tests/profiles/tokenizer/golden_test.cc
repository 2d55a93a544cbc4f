// The tokens that Hugging Face's `tokenizers` gives, id for id and offset for offset.
#include <gtest/gtest.h>
#include <unistd.h>

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

/// Compares every case of a golden file, or those of one variant; returns how many there were.
size_t CompareAll(const Tokenizer& tokenizer, const std::string& golden_file, const std::string& variant = "") {
  std::ifstream file(golden_file);
  size_t cases = 0;
  Encoding encoding;
  for (std::string line; std::getline(file, line);) {
    const nlohmann::json golden = nlohmann::json::parse(line);
    if (golden.value("variant", "") != variant) continue;
    ++cases;
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

/// Writes a tokenizer.json into a directory of its own, which is gone afterwards.
struct TokenizerJsonAlone {
  explicit TokenizerJsonAlone(const std::string& content) {
    std::filesystem::create_directories(directory);
    std::ofstream(directory + "/tokenizer.json") << content;
  }
  ~TokenizerJsonAlone() { std::filesystem::remove_all(directory); }
  const std::string directory = testing::TempDir() + "tokenizer_json_alone_" + std::to_string(getpid());
};

nlohmann::json DemoTokenizerJson() {
  return nlohmann::json::parse(std::ifstream(test_paths::InRepository("models/demo-sst2/tokenizer.json")));
}

nlohmann::json AddedTokens() {
  nlohmann::json tokens = nlohmann::json::array();
  const auto add = [&](const char* content, std::initializer_list<const char*> flags) {
    nlohmann::json token = {{"id", 12288 + tokens.size()}, {"content", content}, {"special", false}};
    for (const char* flag : {"single_word", "lstrip", "rstrip", "normalized"}) token[flag] = false;
    for (const char* flag : flags) token[flag] = true;
    tokens.push_back(token);
  };
  add("[A]", {"lstrip", "rstrip"});
  add("[B]", {"rstrip"});
  add("word", {"single_word"});
  add("wor", {"normalized"});
  add(" x", {"normalized", "lstrip"});
  add("éz", {"normalized", "rstrip"});
  add("[AB", {"single_word", "lstrip"});
  add("\u3000z", {"lstrip"});
  return tokens;
}

const std::string kDemoGolden = test_paths::InRepository("tests/golden/tokenizer_demo.jsonl");

TEST(TokenizerGolden, DemoFromVocabAndMerges) {
  EXPECT_EQ(CompareAll(*LoadOrDie(test_paths::InRepository("models/demo-sst2")), kDemoGolden, "plain"), 220u);
}

TEST(TokenizerGolden, DemoFromTokenizerJsonAlone) {
  const TokenizerJsonAlone alone(DemoTokenizerJson().dump());
  EXPECT_EQ(CompareAll(*LoadOrDie(alone.directory), kDemoGolden, "plain"), 220u);
}

TEST(TokenizerGolden, DemoWithAPrefixSpace) {
  nlohmann::json description = DemoTokenizerJson();
  description["pre_tokenizer"]["add_prefix_space"] = true;
  description["post_processor"]["add_prefix_space"] = true;
  const TokenizerJsonAlone alone(description.dump());
  EXPECT_EQ(CompareAll(*LoadOrDie(alone.directory), kDemoGolden, "prefix"), 180u);
}

TEST(TokenizerGolden, DemoWithAddedTokensOfEveryKind) {
  nlohmann::json description = DemoTokenizerJson();
  for (const nlohmann::json& token : AddedTokens()) description["added_tokens"].push_back(token);
  const TokenizerJsonAlone alone(description.dump());
  EXPECT_EQ(CompareAll(*LoadOrDie(alone.directory), kDemoGolden, "added"), 180u);
}

TEST(TokenizerGolden, RobertaBaseFromVocabAndMerges) {
  ROBERTA_SHARED_OR_SKIP(vocabulary, "data/roberta-base");
  ROBERTA_SHARED_OR_SKIP(golden, "data/tokenizer-golden/roberta-base.jsonl");
  EXPECT_EQ(CompareAll(*LoadOrDie(vocabulary), golden), 2351u);
}

TEST(TokenizerGolden, RobertaBaseFromTokenizerJsonAlone) {
  ROBERTA_SHARED_OR_SKIP(file, "data/roberta-base/tokenizer.json");
  ROBERTA_SHARED_OR_SKIP(golden, "data/tokenizer-golden/roberta-base.jsonl");
  std::ifstream content(file);
  const TokenizerJsonAlone alone(std::string(std::istreambuf_iterator<char>(content), {}));
  EXPECT_EQ(CompareAll(*LoadOrDie(alone.directory), golden), 2351u);
}

}  // namespace
}  // namespace roberta::tokenizer
