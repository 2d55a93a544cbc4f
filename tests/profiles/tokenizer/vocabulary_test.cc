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

std::string VocabError(const json& vocab, const std::string& merges = "#version: 0.2\nh e\n",
                       const std::string& config = "") {
  return std::string(ParseVocabJson(vocab.dump(), merges, config, "model").status().message());
}

std::string TokenizerError(const std::function<void(json*)>& change) {
  json description = SmallTokenizerJson();
  change(&description);
  return std::string(ParseTokenizerJson(description.dump(), "tokenizer.json").status().message());
}

TEST(Vocabulary, ASmallOneIsFine) {
  EXPECT_EQ(VocabError(SmallVocab()), "");
  EXPECT_EQ(TokenizerError([](json*) {}), "");
}

TEST(Vocabulary, MergesMayBePairsToo) {
  EXPECT_EQ(TokenizerError([](json* d) { (*d)["model"]["merges"] = json::array({json::array({"h", "e"})}); }), "");
}

TEST(Vocabulary, WhatIsNotJsonIsToldWithItsPlace) {
  EXPECT_THAT(std::string(ParseVocabJson("{\"a\": ", "", "", "model").status().message()),
              HasSubstr("model/vocab.json: not JSON"));
}

TEST(Vocabulary, IdsMustBeOneEachWithoutGaps) {
  json vocab = SmallVocab();
  vocab["he"] = 300;
  EXPECT_THAT(VocabError(vocab), HasSubstr("no token has id 261"));
  vocab["he"] = 260;
  EXPECT_THAT(VocabError(vocab), HasSubstr("both have id 260"));
  vocab["he"] = -1;
  EXPECT_THAT(VocabError(vocab), HasSubstr("\"he\" has id -1"));
  vocab["he"] = 1.5;
  EXPECT_THAT(VocabError(vocab), HasSubstr("\"he\" has id 1.5, not an integer"));
  vocab["he"] = 9e15;
  EXPECT_THAT(VocabError(vocab), HasSubstr("not an integer below"));
}

TEST(Vocabulary, EveryByteNeedsAToken) {
  json vocab = SmallVocab();
  vocab["zz"] = vocab["Ġ"];
  vocab.erase("Ġ");
  EXPECT_THAT(VocabError(vocab), HasSubstr("no token for byte 32"));
}

TEST(Vocabulary, SpecialTokensMustBeThere) {
  json vocab = SmallVocab();
  vocab["<masque>"] = vocab["<mask>"];
  vocab.erase("<mask>");
  EXPECT_THAT(VocabError(vocab), HasSubstr("lacks \"<mask>\""));
}

TEST(Vocabulary, MergesMustBeOfTheVocabulary) {
  EXPECT_THAT(VocabError(SmallVocab(), "h e\nh x\n"), HasSubstr("model/merges.txt: line 2: result \"hx\" is not in"));
  EXPECT_THAT(VocabError(SmallVocab(), "hello x\n"), HasSubstr("line 1: part \"hello\" is not in"));
  EXPECT_THAT(VocabError(SmallVocab(), "he\n"), HasSubstr("line 1: \"he\" is not two tokens"));
  EXPECT_THAT(VocabError(SmallVocab(), "h e x\n"), HasSubstr("is not two tokens"));
}

TEST(Vocabulary, ThePrefixSpaceIsReadFromTheConfig) {
  const auto vocabulary = ParseVocabJson(SmallVocab().dump(), "", R"({"add_prefix_space": true})", "model");
  ASSERT_TRUE(vocabulary.ok()) << vocabulary.status();
  EXPECT_TRUE(vocabulary->add_prefix_space);
  EXPECT_THAT(VocabError(SmallVocab(), "", R"({"add_prefix_space": 3})"), HasSubstr("add_prefix_space is 3"));
}

TEST(Vocabulary, OtherKindsOfTokenizersAreRefusedByName) {
  const auto with = [](const char* pointer, const json& value) {
    return TokenizerError([&](json* d) { (*d)[json::json_pointer(pointer)] = value; });
  };
  EXPECT_THAT(with("/model/type", "WordPiece"), HasSubstr("model.type is \"WordPiece\""));
  EXPECT_THAT(with("/model/byte_fallback", true), HasSubstr("model.byte_fallback is true"));
  EXPECT_THAT(with("/model/dropout", 0.1), HasSubstr("model.dropout is 0.1"));
  EXPECT_THAT(with("/normalizer", json{{"type", "NFC"}}), HasSubstr("normalizer is"));
  EXPECT_THAT(with("/pre_tokenizer/type", "Whitespace"), HasSubstr("pre_tokenizer.type is \"Whitespace\""));
  EXPECT_THAT(with("/post_processor/type", "BertProcessing"), HasSubstr("post_processor.type is"));
  EXPECT_THAT(with("/post_processor/add_prefix_space", true), HasSubstr("differs from pre_tokenizer.add_prefix_space"));
  EXPECT_THAT(with("/post_processor/cls", {"<s>", 7}), HasSubstr("post_processor.cls is"));
  EXPECT_THAT(with("/model/merges", 3), HasSubstr("model.merges is not a list"));
  EXPECT_THAT(with("/model/merges/0", 3), HasSubstr("model.merges[0] is 3, not two tokens"));
  EXPECT_THAT(with("/added_tokens/0/id", "x"), HasSubstr("added_tokens[0].id is \"x\", not an id"));
  EXPECT_THAT(with("/added_tokens/0/id", 9), HasSubstr("\"<s>\""));
  EXPECT_THAT(with("/added_tokens/0/content", ""), HasSubstr("an added token is empty"));
  EXPECT_THAT(with("/added_tokens/0/lstrip", 1), HasSubstr("added_tokens[0].lstrip is 1, not true or false"));
}

TEST(Vocabulary, AFileOfAnotherShapeIsRefused) {
  EXPECT_THAT(std::string(ParseTokenizerJson("[]", "t.json").status().message()),
              HasSubstr("t.json: is not an object"));
  EXPECT_THAT(std::string(ParseTokenizerJson("{}", "t.json").status().message()), HasSubstr("model is missing"));
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

TEST_F(Directory, AddedTokensNeedTheFileThatDescribesThem) {
  Write("vocab.json", SmallVocab().dump());
  Write("merges.txt", "h e\n");
  Write("added_tokens.json", R"({"[X]": 262})");
  EXPECT_THAT(Error(), HasSubstr("tokenizer.json: no such file, but"));
  json description = SmallTokenizerJson();
  description["added_tokens"].push_back({{"id", 262}, {"content", "[X]"}});
  Write("tokenizer.json", description.dump());
  const auto tokenizer = Tokenizer::Load(path);
  ASSERT_TRUE(tokenizer.ok()) << tokenizer.status();
  EXPECT_EQ((*tokenizer)->vocabulary_size(), 263u);
}

}  // namespace
}  // namespace roberta::tokenizer
