// What is refused of a vocabulary, and how it is told.
#include "profiles/tokenizer/vocabulary.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <functional>
#include <nlohmann/json.hpp>
#include <string>

#include "profiles/tokenizer/bpe.h"
#include "profiles/tokenizer/tokenizer.h"

namespace roberta::tokenizer {
namespace {

using nlohmann::json;
using ::testing::HasSubstr;

/// Special tokens, all bytes, "he".
json SmallVocab() {
  json vocab = {{"<s>", 0}, {"<pad>", 1}, {"</s>", 2}, {"<unk>", 3}, {"<mask>", 4}};
  for (int byte = 0; byte < 256; ++byte) vocab[TokenOfBytes(std::string(1, static_cast<char>(byte)))] = 5 + byte;
  vocab["he"] = 261;
  return vocab;
}

json SmallTokenizerJson() {
  json added = json::array();
  for (const char* content : {"<s>", "<pad>", "</s>", "<unk>", "<mask>"}) {
    added.push_back({{"id", added.size()}, {"content", content}, {"special", true}});
  }
  return {{"added_tokens", added},
          {"normalizer", nullptr},
          {"pre_tokenizer", {{"type", "ByteLevel"}, {"add_prefix_space", false}}},
          {"post_processor",
           {{"type", "RobertaProcessing"}, {"cls", {"<s>", 0}}, {"sep", {"</s>", 2}}, {"add_prefix_space", false}}},
          {"model", {{"type", "BPE"}, {"vocab", SmallVocab()}, {"merges", {"h e"}}}}};
}

TokenizerFiles VocabFiles(const json& vocab, const std::string& merges = "#version: 0.2\nh e\n") {
  return {.directory = "model", .vocab_json = vocab.dump(), .merges_txt = merges};
}

std::string Error(const TokenizerFiles& files) {
  return std::string(ParseVocabulary(files).status().message());
}

std::string VocabError(const json& vocab, const std::string& merges = "#version: 0.2\nh e\n") {
  return Error(VocabFiles(vocab, merges));
}

/// With a tokenizer_config.json beside vocab.json and merges.txt.
std::string ConfigError(const std::string& config) {
  TokenizerFiles files = VocabFiles(SmallVocab());
  files.tokenizer_config_json = config;
  return Error(files);
}

std::string TokenizerError(const std::function<void(json*)>& change) {
  json description = SmallTokenizerJson();
  change(&description);
  return Error({.directory = "model", .tokenizer_json = description.dump()});
}

/// The ids of a text, in decimal.
std::string Ids(const TokenizerFiles& files, const std::string& text) {
  auto vocabulary = ParseVocabulary(files);
  if (!vocabulary.ok()) return std::string(vocabulary.status().message());
  Encoding encoding;
  const auto status = Tokenizer::FromVocabulary(*std::move(vocabulary))->Encode(text, std::nullopt, {}, &encoding);
  return status.ok() ? json(encoding.ids).dump() : std::string(status.message());
}

TEST(Vocabulary, ASmallOneIsFine) {
  EXPECT_EQ(VocabError(SmallVocab()), "");
  EXPECT_EQ(TokenizerError([](json*) {}), "");
}

TEST(Vocabulary, MergesMayBePairsToo) {
  EXPECT_EQ(TokenizerError([](json* d) { (*d)["model"]["merges"] = json::array({json::array({"h", "e"})}); }), "");
}

TEST(Vocabulary, WhatIsNotJsonIsToldWithItsPlace) {
  EXPECT_THAT(Error({.directory = "model", .vocab_json = "{\"a\": ", .merges_txt = ""}),
              HasSubstr("model/vocab.json: not JSON"));
  EXPECT_THAT(Error({.directory = "model", .tokenizer_json = ""}), HasSubstr("model/tokenizer.json: not JSON"));
  EXPECT_THAT(ConfigError("[]"), HasSubstr("model/tokenizer_config.json: is not an object"));
}

TEST(Vocabulary, IdsMustBeOneEach) {
  json vocab = SmallVocab();
  vocab["he"] = 300;
  EXPECT_EQ(Ids(VocabFiles(vocab), "he"), "[0,300,2]") << "gaps are no harm";
  vocab["he"] = 260;
  EXPECT_THAT(VocabError(vocab), HasSubstr("both have id 260"));
  vocab["he"] = -1;
  EXPECT_THAT(VocabError(vocab), HasSubstr("\"he\" has id -1"));
  vocab["he"] = 1.5;
  EXPECT_THAT(VocabError(vocab), HasSubstr("\"he\" has id 1.5, not an integer"));
  vocab["he"] = 9e15;
  EXPECT_THAT(VocabError(vocab), HasSubstr("not an integer below"));
  vocab["he"] = 1 << 20;
  EXPECT_THAT(VocabError(vocab), HasSubstr("ids have too many gaps"));
}

TEST(Vocabulary, BytesWithoutATokenAreLeftOutOrUnknown) {
  json vocab = SmallVocab();
  vocab["zz"] = vocab["Ġ"];
  vocab.erase("Ġ");
  EXPECT_EQ(Ids(VocabFiles(vocab), "he  he"), "[0,261,261,2]");
  json description = SmallTokenizerJson();
  description["model"]["vocab"] = vocab;
  description["model"]["unk_token"] = "<unk>";
  const auto with = [&] { return TokenizerFiles{.directory = "model", .tokenizer_json = description.dump()}; };
  EXPECT_EQ(Ids(with(), "he  he"), "[0,261,3,3,261,2]");
  description["pre_tokenizer"]["use_regex"] = false;
  description["model"]["fuse_unk"] = true;
  EXPECT_EQ(Ids(with(), "he  he"), "[0,261,3,261,2]");
}

TEST(Vocabulary, SpecialTokensThatAreNotThereAreAdded) {
  json vocab = SmallVocab();
  vocab["<masque>"] = vocab["<mask>"];
  vocab.erase("<mask>");
  EXPECT_EQ(Ids(VocabFiles(vocab), "<mask>"), "[0,262,2]");
}

TEST(Vocabulary, MergesMustBeOfTheVocabulary) {
  EXPECT_THAT(VocabError(SmallVocab(), "h e\nh x\n"), HasSubstr("model/merges.txt: line 2: result \"hx\" is not in"));
  EXPECT_THAT(VocabError(SmallVocab(), "hello x\n"), HasSubstr("line 1: part \"hello\" is not in"));
  EXPECT_THAT(VocabError(SmallVocab(), "he\n"), HasSubstr("line 1: \"he\" is not two tokens"));
  EXPECT_THAT(VocabError(SmallVocab(), "h e x\n"), HasSubstr("is not two tokens"));
}

TEST(Vocabulary, MergesMayHaveAByteOrderMarkAndAnyLineEnds) {
  EXPECT_EQ(Ids(VocabFiles(SmallVocab(), "\xEF\xBB\xBF#version: 0.2\r\n\r\nh e\r\n"), "he"), "[0,261,2]");
}

TEST(Vocabulary, FieldsOfTheConfigMustBeOfTheirType) {
  EXPECT_THAT(ConfigError(R"({"add_prefix_space": 3})"), HasSubstr("add_prefix_space is 3"));
  EXPECT_THAT(ConfigError(R"({"model_max_length": "x"})"), HasSubstr("model_max_length is \"x\", not a number"));
  EXPECT_THAT(ConfigError(R"({"tokenizer_class": "BertTokenizer"})"),
              HasSubstr("tokenizer_class is \"BertTokenizer\"; supported: RobertaTokenizer"));
  EXPECT_THAT(ConfigError(R"({"added_tokens_decoder": {"x": {}}})"), HasSubstr("has key \"x\", not an id"));
  EXPECT_THAT(ConfigError(R"({"mask_token": 3})"), HasSubstr("mask_token is 3, not a token"));
  EXPECT_THAT(ConfigError(R"({"sep_token": null})"), HasSubstr("sep_token is null"));
}

TEST(Vocabulary, FilesAreReadAsPythonReadsThem) {
  EXPECT_EQ(
      ConfigError("\xEF\xBB\xBF{\"x\": NaN, \"add_prefix_space\": 3, \"add_prefix_space\": true, \"y\": \"\\ud800\"}"),
      "");
}

TEST(Vocabulary, AConfigSaysWhereATextIsCut) {
  TokenizerFiles files = VocabFiles(SmallVocab());
  files.tokenizer_config_json = R"({"model_max_length": 3})";
  const auto tokenizer = Tokenizer::FromVocabulary(ParseVocabulary(files).value());
  Encoding encoding;
  EXPECT_TRUE(tokenizer->Encode("hehehe", {}, {.max_tokens = 8}, &encoding).ok()) << "not cut";
  EXPECT_EQ(encoding.ids.size(), 5u);
  EXPECT_TRUE(tokenizer->Encode("hehehe", {}, {.max_tokens = 8, .truncation = Truncation::kRight}, &encoding).ok());
  EXPECT_EQ(encoding.ids.size(), 3u);
  EXPECT_EQ(encoding.tokens_dropped, 2u);
  files.tokenizer_config_json = R"({"model_max_length": 1e30})";
  EXPECT_EQ(ParseVocabulary(files)->model_max_length, 0u);
}

TEST(Vocabulary, OtherKindsOfTokenizersAreRefusedByName) {
  const auto with = [](const char* pointer, const json& value) {
    return TokenizerError([&](json* d) { (*d)[json::json_pointer(pointer)] = value; });
  };
  EXPECT_THAT(with("/model/type", "WordPiece"), HasSubstr("model.type is \"WordPiece\""));
  EXPECT_EQ(with("/model/byte_fallback", true), "") << "no byte is unknown";
  EXPECT_THAT(TokenizerError([](json* d) {
                (*d)["model"]["byte_fallback"] = true;
                (*d)["model"]["vocab"].erase("z");
              }),
              HasSubstr("model.byte_fallback is true"));
  EXPECT_THAT(with("/model/dropout", 0.1), HasSubstr("model.dropout is 0.1"));
  EXPECT_THAT(with("/normalizer", json{{"type", "Nmt"}}), HasSubstr("normalizer.type is \"Nmt\"; supported: Lower"));
  EXPECT_THAT(with("/pre_tokenizer/type", "Whitespace"), HasSubstr("pre_tokenizer.type is \"Whitespace\""));
  EXPECT_THAT(with("/pre_tokenizer", nullptr), HasSubstr("pre_tokenizer has no ByteLevel"));
  EXPECT_THAT(with("/post_processor/type", "BertProcessing"), HasSubstr("post_processor.type is"));
  EXPECT_THAT(with("/post_processor/cls", {"<s>", 700}), HasSubstr("post_processor.cls[1] is 700"));
  EXPECT_THAT(with("/model/merges", 3), HasSubstr("model.merges is not a list"));
  EXPECT_THAT(with("/model/merges/0", 3), HasSubstr("model.merges[0] is 3, not two tokens"));
  EXPECT_THAT(with("/added_tokens/0/id", "x"), HasSubstr("added_tokens[0].id is \"x\", not an id"));
  EXPECT_THAT(with("/added_tokens/0/lstrip", 1), HasSubstr("added_tokens[0].lstrip is 1, not true or false"));
}

TEST(Vocabulary, PatternsThatWouldMeanSomethingElseAreRefused) {
  const auto with = [](const char* regex) {
    return TokenizerError([&](json* d) {
      (*d)["normalizer"] = {{"type", "Replace"}, {"pattern", {{"Regex", regex}}}, {"content", ""}};
    });
  };
  for (const char* fine :
       {"a|b+", "\\w+\\s?", "[^\\r\\n\\p{L}\\p{N}]?+\\p{L}+", "(?i:'s|'t)", "a{2,3}", "^x$", "[\\w.-]"}) {
    EXPECT_EQ(with(fine), "") << fine;
  }
  for (const char* other : {"\\h", "\\b", "\\K", "(?m)a", "(*UTF)a", "[a[b]]", "[a&&b]", "a{,3}", "a{1,2}+", "[\\W]",
                            "\\", "\\x41", "(?<n>a)", "\\p{^L}", "[]a]"}) {
    EXPECT_THAT(with(other), HasSubstr("is not supported")) << other;
  }
  EXPECT_THAT(with("(a"), HasSubstr("normalizer.pattern.Regex \"(a\": missing"));
  EXPECT_THAT(with(""), HasSubstr("has 0 bytes"));
}

TEST(Vocabulary, APatternThatTakesTooLongEndsWithAnError) {
  json description = SmallTokenizerJson();
  description["normalizer"] = {{"type", "Replace"}, {"pattern", {{"Regex", "(a|aa)+$"}}}, {"content", "b"}};
  EXPECT_THAT(Ids({.directory = "model", .tokenizer_json = description.dump()}, std::string(60, 'a') + "b"),
              HasSubstr("takes too many steps for this text"));
}

TEST(Vocabulary, AFileOfAnotherShapeIsRefused) {
  EXPECT_THAT(Error({.directory = "m", .tokenizer_json = "[]"}), HasSubstr("m/tokenizer.json: is not an object"));
  EXPECT_THAT(Error({.directory = "m", .tokenizer_json = "{}"}), HasSubstr("model is missing"));
}

/// A model directory with the files a test gives it.
struct Directory : testing::Test {
  Directory() { std::filesystem::create_directories(path); }
  ~Directory() override { std::filesystem::remove_all(path); }
  void Write(const char* name, const std::string& content) const { std::ofstream(path + "/" + name) << content; }
  std::string Error() const { return std::string(Tokenizer::Load(path).status().message()); }
  const std::string path = testing::TempDir() + "vocabulary_test_" + std::to_string(getpid());
};

TEST_F(Directory, SaysWhatIsMissing) {
  EXPECT_THAT(Error(), HasSubstr("neither vocab.json and merges.txt nor tokenizer.json"));
  Write("vocab.json", SmallVocab().dump());
  EXPECT_THAT(Error(), HasSubstr("merges.txt: no such file"));
  Write("merges.txt", "h e\n");
  EXPECT_EQ(Error(), "");
}

TEST_F(Directory, SaysWhatAFileIsInPlaceOfWhatItShouldBe) {
  Write("vocab.json", SmallVocab().dump());
  Write("merges.txt", "version https://git-lfs.github.com/spec/v1\noid sha256:1\nsize 456318\n");
  EXPECT_THAT(Error(), HasSubstr("merges.txt: is a Git LFS pointer"));
}

TEST_F(Directory, AddedTokensAreReadFromTheFileThatNamesThem) {
  Write("vocab.json", SmallVocab().dump());
  Write("merges.txt", "h e\n");
  Write("added_tokens.json", R"({"[X]": 262})");
  const auto tokenizer = Tokenizer::Load(path);
  ASSERT_TRUE(tokenizer.ok()) << tokenizer.status();
  EXPECT_EQ((*tokenizer)->vocabulary_size(), 263u);
  EXPECT_EQ((*tokenizer)->largest_id(), 262);
}

}  // namespace
}  // namespace roberta::tokenizer
