#include "profiles/checkpoint/config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "absl/strings/str_cat.h"
#include "tests/profiles/checkpoint/checkpoint_fixture.h"
#include "tests/test_paths.h"

namespace roberta::checkpoint {
namespace {

using checkpoint_fixture::TinyConfig;
using nlohmann::json;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

absl::StatusOr<ModelConfig> Parse(const json& config) {
  return ParseModelConfig(config.dump(), "some/config.json");
}

/// The tiny config with one field set.
json With(const std::string& field, const json& value) {
  json config = TinyConfig();
  config[field] = value;
  return config;
}

json Without(const std::string& field) {
  json config = TinyConfig();
  config.erase(field);
  return config;
}

std::string ErrorOf(const absl::StatusOr<ModelConfig>& config) {
  EXPECT_EQ(config.status().code(), absl::StatusCode::kInvalidArgument);
  return std::string(config.status().message());
}

TEST(ModelConfig, HasTheSizesOfTheFile) {
  const auto config = Parse(TinyConfig());
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_EQ(config->vocab_size, 11);
  EXPECT_EQ(config->hidden_size, 4);
  EXPECT_EQ(config->num_hidden_layers, 1);
  EXPECT_EQ(config->num_attention_heads, 2);
  EXPECT_EQ(config->intermediate_size, 6);
  EXPECT_EQ(config->max_position_embeddings, 8);
  EXPECT_EQ(config->type_vocab_size, 1);
  EXPECT_EQ(config->layer_norm_eps, 1e-5);
}

TEST(ModelConfig, LongestInputLeavesOutThePositionsUpToPadding) {
  EXPECT_EQ(Parse(TinyConfig())->max_tokens(), 6);
}

TEST(ModelConfig, HeadSizeIsAShareOfHiddenSize) {
  EXPECT_EQ(Parse(TinyConfig())->head_size(), 2);
}

TEST(ModelConfig, LabelsAreInTheOrderOfTheirIds) {
  json labels;
  for (int i = 0; i < 12; ++i)
    labels[std::to_string(i)] = std::string("l").append(std::to_string(i));  // "10" sorts before "2" as text
  EXPECT_THAT(Parse(With("id2label", labels))->labels,
              ElementsAre("l0", "l1", "l2", "l3", "l4", "l5", "l6", "l7", "l8", "l9", "l10", "l11"));
}

TEST(ModelConfig, NumLabelsAloneNumbersThem) {
  json config = Without("id2label");
  config["num_labels"] = 3;
  EXPECT_THAT(Parse(config)->labels, ElementsAre("LABEL_0", "LABEL_1", "LABEL_2"));
}

TEST(ModelConfig, HasTwoLabelsWithoutAnyMention) {
  EXPECT_THAT(Parse(Without("id2label"))->labels, ElementsAre("LABEL_0", "LABEL_1"));
}

TEST(ModelConfig, AbsentSpecialTokensAreHuggingFacesDefaults) {
  const auto config = Parse(TinyConfig());
  EXPECT_EQ(config->pad_token_id, 1);
}

TEST(ModelConfig, NullSpecialTokenIsTheDefault) {
  EXPECT_EQ(Parse(With("pad_token_id", nullptr))->pad_token_id, 1);
}

TEST(ModelConfig, AbsentLayerNormEpsilonIsHuggingFacesDefault) {
  EXPECT_EQ(Parse(Without("layer_norm_eps"))->layer_norm_eps, 1e-12);
}

TEST(ModelConfig, AbsentTypeVocabularyIsHuggingFacesDefault) {
  EXPECT_EQ(Parse(Without("type_vocab_size"))->type_vocab_size, 2);
}

TEST(ModelConfig, AbsentArchitecturesAreAllowed) {
  EXPECT_TRUE(Parse(Without("architectures")).ok());
}

TEST(ModelConfig, UnknownFieldsAreIgnored) {
  EXPECT_TRUE(Parse(With("transformers_version", "4.40.0")).ok());
}

TEST(ModelConfig, AbsentProblemTypeIsUnspecified) {
  EXPECT_EQ(Parse(TinyConfig())->problem_type, ProblemType::kUnspecified);
}

TEST(ModelConfig, NullProblemTypeIsUnspecified) {
  EXPECT_EQ(Parse(With("problem_type", nullptr))->problem_type, ProblemType::kUnspecified);
}

TEST(ModelConfig, EveryNameOfAnActivationIsReadAsOneOfItsFunction) {
  for (const std::string_view name : HiddenActs()) EXPECT_EQ(Parse(With("hidden_act", name))->hidden_act, name);
  EXPECT_EQ(Parse(With("hidden_act", "gelu_python"))->hidden_act, "gelu");
  EXPECT_EQ(Parse(With("hidden_act", "gelu_pytorch_tanh"))->hidden_act, "gelu_new");
  EXPECT_EQ(Parse(With("hidden_act", "swish"))->hidden_act, "silu");
  EXPECT_EQ(Parse(With("hidden_act", nullptr))->hidden_act, "gelu");
}

class ProblemTypes : public ::testing::TestWithParam<std::pair<const char*, ProblemType>> {};
TEST_P(ProblemTypes, AreReadAndNamedAlike) {
  const auto config = Parse(With("problem_type", GetParam().first));
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_EQ(config->problem_type, GetParam().second);
  EXPECT_EQ(ProblemTypeName(config->problem_type), GetParam().first);
}
INSTANTIATE_TEST_SUITE_P(All, ProblemTypes,
                         ::testing::Values(std::pair{"regression", ProblemType::kRegression},
                                           std::pair{"single_label_classification", ProblemType::kSingleLabel},
                                           std::pair{"multi_label_classification", ProblemType::kMultiLabel}));

/// A field, a value that it must not have, and what the error says of the value.
struct Refusal {
  const char* field;
  const char* value;  ///< JSON
  const char* text;
};
class RefusedValues : public ::testing::TestWithParam<Refusal> {};
TEST_P(RefusedValues, AreNamedWithFileAndField) {
  const auto [field, value, text] = GetParam();
  EXPECT_THAT(ErrorOf(Parse(With(field, json::parse(value)))),
              AllOf(HasSubstr("some/config.json: "), HasSubstr(std::string("field \"") + field), HasSubstr(text)));
}
INSTANTIATE_TEST_SUITE_P(
    All, RefusedValues,
    ::testing::Values(
        Refusal{"model_type", R"("bert")", R"(is "bert"; supported: roberta)"},
        Refusal{"model_type", R"("xlm-roberta")", R"(is "xlm-roberta")"},
        Refusal{"model_type", R"("camembert")", R"(is "camembert")"}, Refusal{"model_type", "null", "is missing"},
        Refusal{"model_type", "7", "is 7"},

        Refusal{"hidden_act", R"("prelu")", R"(is "prelu"; supported: gelu, gelu_new)"},
        Refusal{"hidden_act", R"("GELU")", R"(is "GELU"; supported: gelu)"},
        Refusal{"position_embedding_type", R"("relative_key")", R"(is "relative_key"; supported: absolute)"},
        Refusal{"is_decoder", "true", "is true; supported: false"},
        Refusal{"add_cross_attention", "true", "is true; supported: false"},
        Refusal{"quantization_config", R"({"bits": 4})", R"(is {"bits":4}; supported: none)"},
        Refusal{"vocab_size", "0", "is 0; it must be an integer from 1 to 16777216"},
        Refusal{"hidden_size", "-4", "is -4; it must be an integer"},
        Refusal{"hidden_size", "4.0", "is 4.0; it must be an integer"},
        Refusal{"hidden_size", R"("4")", R"(is "4"; it must be an integer)"},
        Refusal{"hidden_size", "18446744073709551615", "is 18446744073709551615; it must be an integer"},
        Refusal{"hidden_size", "1e30", "is 1e+30"},
        Refusal{"hidden_size", "5", "is 5, which num_attention_heads 2 does not divide"},
        Refusal{"num_hidden_layers", "1025", "is 1025; it must be an integer from 1 to 1024"},
        Refusal{"num_attention_heads", "0", "is 0"}, Refusal{"intermediate_size", "[6]", "is [6]"},
        Refusal{"max_position_embeddings", "2", "is 2, which leaves no position"},
        Refusal{"type_vocab_size", "0", "is 0"},
        Refusal{"layer_norm_eps", "1e7", "is 10000000.0; it must be a number from 0 to 1e+06"},
        Refusal{"per_layer_config", R"({"0": {"hidden_act": "relu"}})", "supported: none"},
        Refusal{"transformers_weights", R"("other.safetensors")", R"(supported: model.safetensors, model.s)"},
        Refusal{"layer_norm_eps", "-1e-5", "is -1e-05"}, Refusal{"layer_norm_eps", R"("1e-5")", R"(is "1e-5")"},
        Refusal{"pad_token_id", "-2", "is -2"},
        Refusal{"pad_token_id", "11", "is 11; it must be an integer from -1 to 10"},
        Refusal{"id2label", "{}", "is {}; it must be an object of 1 to 65536 labels"},
        Refusal{"id2label", R"(["a"])", R"(is ["a"])"},
        Refusal{"id2label", R"({"0": "a", "2": "b"})", R"(but there is "2")"},
        Refusal{"id2label", R"({"1": "a"})", R"(its 1 keys must be 0 to 0, each once, but there is "1")"},
        Refusal{"id2label", R"({"1": "a", "01": "b"})", R"(but there is "1")"},
        Refusal{"id2label", R"({"0": "a", "x": "b"})", R"(but there is "x")"},
        Refusal{"num_labels", R"("3")", R"(is "3"; it must be an integer)"}));

TEST(ModelConfig, NumLabelsAloneMustBePositive) {
  json config = Without("id2label");
  config["num_labels"] = 0;
  EXPECT_THAT(ErrorOf(Parse(config)), HasSubstr("field \"num_labels\" is 0"));
}

TEST(ModelConfig, AbsentSizesAreHuggingFacesDefaults) {
  const auto config = Parse({{"model_type", "roberta"}, {"max_position_embeddings", 514}});
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_EQ(config->vocab_size, 50265);
  EXPECT_EQ(config->hidden_size, 768);
  EXPECT_EQ(config->num_hidden_layers, 12);
  EXPECT_EQ(config->num_attention_heads, 12);
  EXPECT_EQ(config->intermediate_size, 3072);
}

TEST(ModelConfig, LabelsMayBeAnything) {
  EXPECT_THAT(
      Parse(With("id2label", {{"0", 5}, {"1", true}, {"2", nullptr}, {"3", "a"}, {"4", "a"}, {"5", ""}}))->labels,
      ElementsAre("5", "true", "null", "a", "a", ""));
}

TEST(ModelConfig, IdsOfLabelsAreReadAsPythonReadsThem) {
  EXPECT_THAT(Parse(With("id2label", {{"00", "a"}, {" 1 ", "b"}, {"+2", "c"}}))->labels, ElementsAre("a", "b", "c"));
}

TEST(ModelConfig, NumLabelsWinsOverNamesThatAreMoreOrFewer) {
  EXPECT_THAT(Parse(With("num_labels", 3))->labels, ElementsAre("LABEL_0", "LABEL_1", "LABEL_2"));
  EXPECT_THAT(Parse(With("num_labels", 2))->labels, ElementsAre("no", "yes"));
}

class FieldsThatDoNotMatter : public ::testing::TestWithParam<std::pair<const char*, json>> {};
TEST_P(FieldsThatDoNotMatter, MayHoldAnything) {
  EXPECT_TRUE(Parse(With(GetParam().first, GetParam().second)).ok());
}
INSTANTIATE_TEST_SUITE_P(
    All, FieldsThatDoNotMatter,
    ::testing::Values(std::pair{"architectures", json{"RobertaForMaskedLM"}}, std::pair{"architectures", json(7)},
                      std::pair{"bos_token_id", json(-5)}, std::pair{"eos_token_id", json{2, 3}},
                      std::pair{"pruned_heads", json{{"0", json::array()}}},
                      std::pair{"is_encoder_decoder", json(true)}, std::pair{"problem_type", json("ranking")},
                      std::pair{"classifier_dropout", json("x")}, std::pair{"chunk_size_feed_forward", json(3)},
                      std::pair{"torchscript", json(true)},
                      std::pair{"per_layer_config", json{{"1", json::object()}}}));

/// JSON that only Python takes for JSON, and what is read of it.
class PythonTexts : public ::testing::TestWithParam<std::pair<const char*, const char*>> {};
TEST_P(PythonTexts, AreReadAsPythonReadsThem) {
  std::string text = TinyConfig().dump();
  text.insert(1, GetParam().first);
  const auto config = ParseModelConfig(text, "some/config.json");
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_EQ(config->labels[1] + " " + std::string(config->hidden_act), GetParam().second);
}
INSTANTIATE_TEST_SUITE_P(
    All, PythonTexts,
    ::testing::Values(std::pair{R"("a": NaN, "b": [Infinity, -Infinity], )", "yes gelu"},
                      std::pair{R"("a": 1e999, "b": -1e-999, "c": 123456789012345678901234567890, )", "yes gelu"},
                      std::pair{R"("hidden_act": "x", "hidden_act": "relu", )", "yes relu"},
                      std::pair{R"("a": "\ud800 \udc00\ud800\udc00\"NaN", )", "yes gelu"},
                      std::pair{R"("problem_type": NaN, "hidden_act": "re\u006cu", )", "yes relu"}));

TEST(ModelConfig, HalvesOfSurrogatePairsAreReplaced) {
  const auto config = ParseModelConfig(
      R"({"model_type": "roberta", "id2label": {"0": "a\ud800\\u", "1": "\uDE00\ud83d\ude00"}})", "some/config.json");
  EXPECT_THAT(config->labels, ElementsAre("a\uFFFD\\u", "\uFFFD\U0001F600"));
}

TEST(ModelConfig, NumbersThatAreNoneAreRefusedWhereTheyCount) {
  for (const char* value : {"NaN", "Infinity", "1e999"}) {
    const std::string text = absl::StrCat(R"({"model_type": "roberta", "layer_norm_eps": )", value, "}");
    EXPECT_THAT(ErrorOf(ParseModelConfig(text, "some/config.json")), HasSubstr("it must be a number from 0"));
  }
}

/// A text that is no config at all, and what the error says.
class RefusedTexts : public ::testing::TestWithParam<std::pair<std::string, const char*>> {};
TEST_P(RefusedTexts, AreNamedWithFileAndReason) {
  const auto& [text, reason] = GetParam();
  EXPECT_THAT(ErrorOf(ParseModelConfig(text, "some/config.json")),
              AllOf(HasSubstr("some/config.json: "), HasSubstr(reason)));
}
INSTANTIATE_TEST_SUITE_P(
    All, RefusedTexts,
    ::testing::Values(
        std::pair{std::string(""), "not JSON"}, std::pair{std::string("{\"a\": 1"), "not JSON: parse error at line 1"},
        std::pair{std::string("[1]"), "is [1]; it must be an object"}, std::pair{std::string("{} {}"), "not JSON"},
        std::pair{std::string("{}\0{", 4), "NUL byte at offset 2"},
        std::pair{std::string("{\"a\": \"\xff\"}"), "not JSON"}, std::pair{std::string("{\"a\": nan}"), "not JSON"},
        std::pair{std::string("version https://git-lfs.github.com/spec/v1\n"), "is a Git LFS pointer, not the file"},
        std::pair{std::string("\n<!DOCTYPE html><html>"), "is an HTML page"},
        std::pair{"{\"a\": " + std::string(1'000'000, '['), "nested deeper than 500 levels"}));

TEST(ModelConfig, ErrorsStayOnOneLineWhateverTheValueHolds) {
  EXPECT_THAT(ErrorOf(Parse(With("model_type", "a\nb\x01"))), ::testing::Not(HasSubstr("\n")));
}

TEST(ModelConfig, ErrorsAreUtf8WhateverTheTextHolds) {
  const std::string error = ErrorOf(ParseModelConfig("{\"a\": \"\xff\"}", "some/config.json"));
  EXPECT_NO_THROW(static_cast<void>(json(error).dump())) << error;  // which refuses what is not UTF-8
}

TEST(ModelConfig, ErrorsStayShortWhateverTheLengthOfAValue) {
  EXPECT_LT(ErrorOf(Parse(With("model_type", std::string(100'000, 'x')))).size(), 400u);
}

TEST(ModelConfig, OfTheDemoModelIsRead) {
  const auto config = ReadModelConfig(test_paths::InRepository("models/demo-sst2"));
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_THAT(config->labels, ElementsAre("negative", "positive"));
  EXPECT_EQ(config->max_tokens(), 512);
}

TEST(ModelConfig, OfAMissingDirectoryIsNotFound) {
  const auto config = ReadModelConfig("/nowhere");
  EXPECT_EQ(config.status().code(), absl::StatusCode::kNotFound);
  EXPECT_THAT(std::string(config.status().message()), HasSubstr("/nowhere/config.json: "));
}

TEST(ModelConfig, OfRobertaBaseIsReadThoughItNamesAnotherHead) {
  ROBERTA_SHARED_OR_SKIP(path, "data/roberta-base/config.hf-roberta-base.json");
  const auto config = ParseModelConfig(checkpoint_fixture::ReadFile(path), path);
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_EQ(config->max_tokens(), 512);
}

}  // namespace
}  // namespace roberta::checkpoint
