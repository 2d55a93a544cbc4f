// The tokens that Hugging Face's `tokenizers` gives, id for id and offset for offset.
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "profiles/tokenizer/tokenizer.h"
#include "profiles/tokenizer/vocabulary.h"
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

TEST(TokenizerGolden, DemoFromItsDirectory) {
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
  std::ofstream(alone.directory + "/tokenizer_config.json") << R"({"add_prefix_space": true})";
  EXPECT_EQ(CompareAll(*LoadOrDie(alone.directory), kDemoGolden, "prefix"), 180u);
}

TEST(TokenizerGolden, DemoWithAddedTokensOfEveryKind) {
  nlohmann::json description = DemoTokenizerJson();
  for (const nlohmann::json& token : AddedTokens()) description["added_tokens"].push_back(token);
  const TokenizerJsonAlone alone(description.dump());
  EXPECT_EQ(CompareAll(*LoadOrDie(alone.directory), kDemoGolden, "added"), 180u);
}

TEST(TokenizerGolden, DemoWithNormalizersAndSplits) {
  const nlohmann::json normalizers = nlohmann::json::parse(R"({
    "nfkc": {"type": "Sequence", "normalizers": [{"type": "NFKC"}, {"type": "Lowercase"}]},
    "nfd": {"type": "Sequence", "normalizers": [{"type": "NFD"}, {"type": "Replace", "pattern": {"Regex": "\\p{Mn}+"}, "content": "~"},
                                                {"type": "Replace", "pattern": {"String": "a"}, "content": "an"}]},
    "nfc": {"type": "Sequence", "normalizers": [{"type": "Strip", "strip_left": true, "strip_right": true}, {"type": "NFC"},
                                                {"type": "Prepend", "prepend": "\u00e9x"}]},
    "nfkd": {"type": "NFKD"}})");
  const auto check = [](nlohmann::json description, const std::string& variant) {
    const TokenizerJsonAlone alone(description.dump());
    // This class has no add_prefix_space of its own to put into the file.
    std::ofstream(alone.directory + "/tokenizer_config.json") << R"({"tokenizer_class": "PreTrainedTokenizerFast"})";
    EXPECT_EQ(CompareAll(*LoadOrDie(alone.directory), kDemoGolden, variant), 80u);
  };
  for (const auto& [variant, normalizer] : normalizers.items()) {
    nlohmann::json description = DemoTokenizerJson();
    description["normalizer"] = normalizer;
    description["added_tokens"].push_back({{"id", 12288}, {"content", "FIN"}, {"lstrip", true}, {"normalized", true}});
    check(description, variant);
  }
  nlohmann::json description = DemoTokenizerJson();
  description["pre_tokenizer"]["add_prefix_space"] = true;
  description["post_processor"]["add_prefix_space"] = true;
  const nlohmann::json split = {
      {"type", "Split"}, {"pattern", {{"Regex", "[.,!?-]"}}}, {"behavior", "MergedWithPrevious"}};
  description["pre_tokenizer"] = {
      {"type", "Sequence"},
      {"pretokenizers", {split, {{"type", "Digits"}, {"individual_digits", true}}, description["pre_tokenizer"]}}};
  check(description, "splits");
}

TEST(TokenizerGolden, DemoWithFilesBesideIt) {
  const auto ids = [](const nlohmann::json& description, const std::string& config, const std::string& added,
                      const std::string& text) {
    auto vocabulary = ParseVocabulary({.directory = "DIR",
                                       .tokenizer_json = description.dump(),
                                       .tokenizer_config_json = config,
                                       .added_tokens_json = added});
    EXPECT_TRUE(vocabulary.ok()) << vocabulary.status();
    Encoding encoding;
    EXPECT_TRUE(Tokenizer::FromVocabulary(*std::move(vocabulary))->Encode(text, {}, {}, &encoding).ok());
    return encoding.ids;
  };
  using Ids = std::vector<int32_t>;
  nlohmann::json description = DemoTokenizerJson();
  EXPECT_EQ(ids(description, R"({"split_special_tokens": true})", "{}", "good </s> bad"),
            (Ids{0, 3139, 4129, 19, 87, 34, 812, 2}));
  EXPECT_EQ(ids(description, "{}", R"({"[ALERT]": 12288})", "[ALERT] login failed")[1], 12288);
  description["pre_tokenizer"]["add_prefix_space"] = true;
  EXPECT_EQ(ids(description, R"({"add_prefix_space": false})", "{}", "good film"), (Ids{0, 3139, 416, 2}));
  description = DemoTokenizerJson();
  description["normalizer"] = {{"type", "Lowercase"}};
  EXPECT_EQ(ids(description, "{}", "{}", "NOT BAD AT ALL"), ids(DemoTokenizerJson(), "{}", "{}", "not bad at all"));
  description = DemoTokenizerJson();
  description["added_tokens"].push_back({{"id", 271}, {"content", "ing"}, {"special", true}});
  EXPECT_EQ(ids(description, "{}", "{}", "singing loudly"), (Ids{0, 87, 271, 271, 4297, 304, 2}));
}

TEST(TokenizerGolden, RobertaBaseFromItsDirectory) {
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
