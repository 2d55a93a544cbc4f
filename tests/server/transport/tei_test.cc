#include "server/transport/tei.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "server/call/failure_reason.h"
#include "tests/server/service/puppet_server.h"
#include "tests/server/transport/translated.h"

namespace roberta::transport {
namespace {

using ::testing::HasSubstr;

/// The service with the translations around it, without gRPC.
class TeiTest : public testing::Test {
 protected:
  Translated<tei::v1::PredictResponse> Predict(const internal::RawPredictRequest& request, bool is_pair = false) {
    PredictTranslation translation(is_pair);
    return Translate(&translation, request, &puppet_.classification, &service::Classification::Start);
  }
  Translated<tei::v1::EncodeResponse> Tokenize(const internal::RawEncodeRequest& request) {
    TokenizeTranslation translation(&puppet_.registry);
    return Translate(&translation, request, &tokenization_, &service::Tokenization::Start);
  }

  service::PuppetServer puppet_;
  service::Tokenization tokenization_{puppet_.parts};
};

internal::RawPredictRequest Texts(const std::vector<std::string>& texts) {
  internal::RawPredictRequest request;
  for (const std::string& text : texts) request.add_inputs(text);
  return request;
}

TEST_F(TeiTest, PredictionsAreTheScoresOfClassifyTheHighestFirst) {
  const auto predicted = Predict(Texts({"good"}));
  ASSERT_TRUE(predicted.status.ok()) << predicted.status;
  const auto classified = puppet_.Run(puppet_.Call({"good"}));
  const auto& scores = classified.response.results(0).classification().scores();
  ASSERT_EQ(predicted.response.predictions_size(), scores.size());
  for (int i = 0; i < scores.size(); ++i) {
    EXPECT_EQ(predicted.response.predictions(i).label(), scores[i].label());
    EXPECT_EQ(predicted.response.predictions(i).score(), scores[i].score());
  }
  EXPECT_GT(predicted.response.predictions(0).score(), predicted.response.predictions(1).score());
}

TEST_F(TeiTest, RawScoresAreTheLogits) {
  auto request = Texts({"good"});
  request.set_raw_scores(true);
  const auto predicted = Predict(request);
  ASSERT_TRUE(predicted.status.ok()) << predicted.status;
  EXPECT_EQ(predicted.response.predictions(0).score(), 3);  // the puppet counts tokens
  EXPECT_EQ(predicted.response.predictions(1).score(), 0);
}

TEST_F(TeiTest, MetadataHasCharactersTokensAndTimes) {
  const auto predicted = Predict(Texts({"gööd", "film"}), true);
  ASSERT_TRUE(predicted.status.ok()) << predicted.status;
  const tei::v1::Metadata& metadata = predicted.response.metadata();
  EXPECT_EQ(metadata.compute_chars(), 8u);
  EXPECT_GE(metadata.compute_tokens(), 6u);
  EXPECT_GE(metadata.total_time_ns(),
            metadata.tokenization_time_ns() + metadata.queue_time_ns() + metadata.inference_time_ns());
  EXPECT_GT(metadata.inference_time_ns(), 0u);
}

TEST_F(TeiTest, AnErrorNamesTheInputOfThePair) {
  const auto predicted = Predict(Texts({"good", " "}), true);
  EXPECT_EQ(predicted.status.message(), "inputs[1]: the text is blank");
  EXPECT_STREQ(call::ReasonOf(predicted.status), "blank_text");
  ASSERT_EQ(predicted.problems.size(), 1u);
  EXPECT_EQ(predicted.problems[0].field, "inputs[1]");
}

TEST_F(TeiTest, AnEmptyRequestIsAnEmptyText) {
  EXPECT_EQ(Predict({}).status.message(), "inputs: the text is empty");
}

TEST_F(TeiTest, ATextThatIsNotUtf8IsNamedByItsByte) {
  EXPECT_EQ(Predict(Texts({"go\xc3\x28od"})).status.message(), "inputs: invalid UTF-8 at byte 2");
}

TEST_F(TeiTest, OfAFieldThatComesTwiceTheLastCounts) {
  const auto once = Predict(Texts({"a very long text"}));
  const auto twice = Predict(Texts({"short", "a very long text"}));
  EXPECT_EQ(twice.response.metadata().compute_tokens(), once.response.metadata().compute_tokens());
}

TEST_F(TeiTest, APairHasNoThirdText) {
  const auto predicted = Predict(Texts({"a", "b", "c"}), true);
  EXPECT_EQ(predicted.status.message(), "inputs: 3 texts; a text has one, or a pair two");
}

TEST_F(TeiTest, ALongTextIsCutOnlyOnRequest) {
  std::string text;
  for (int i = 0; i < 600; ++i) text += "film ";
  auto request = Texts({text});
  const auto refused = Predict(request);
  EXPECT_STREQ(call::ReasonOf(refused.status), "too_many_tokens");
  EXPECT_THAT(std::string(refused.status.message()), HasSubstr("inputs: "));
  request.set_truncate(true);
  EXPECT_EQ(Predict(request).response.metadata().compute_tokens(), 512u);
  request.set_truncation_direction(tei::v1::TRUNCATION_DIRECTION_LEFT);
  EXPECT_EQ(Predict(request).response.metadata().compute_tokens(), 512u);
  request.set_truncation_direction(7);
  EXPECT_EQ(Predict(request).status.message(), "truncation_direction: unknown value 7");
}

TEST_F(TeiTest, TokensHaveTheirPartOfTheTextInBytes) {
  internal::RawEncodeRequest request;
  request.set_inputs("Grüße, world");
  const auto encoded = Tokenize(request);
  ASSERT_TRUE(encoded.status.ok()) << encoded.status;
  ASSERT_GT(encoded.response.tokens_size(), 2);
  for (const tei::v1::SimpleToken& token : encoded.response.tokens()) {
    EXPECT_FALSE(token.special());
    EXPECT_EQ(token.text(), request.inputs().substr(token.start(), token.stop() - token.start()));
  }
  EXPECT_EQ(encoded.response.tokens(encoded.response.tokens_size() - 1).text(), "world");
}

TEST_F(TeiTest, SpecialTokensAreThereOnRequest) {
  internal::RawEncodeRequest request;
  request.set_inputs(" ");
  EXPECT_EQ(Tokenize(request).status.message(), "inputs: the text is blank");
  request.set_inputs("  </s> a");  // its first token has an offset as special ones have
  const auto plain = Tokenize(request).response;
  request.set_add_special_tokens(true);
  const auto special = Tokenize(request).response;
  ASSERT_EQ(special.tokens_size(), plain.tokens_size() + 2);
  const tei::v1::SimpleToken& first = special.tokens(0);
  EXPECT_TRUE(first.special() && !first.has_start() && !first.has_stop());
  EXPECT_EQ(first.text(), "<s>");
  EXPECT_EQ(special.tokens(special.tokens_size() - 1).text(), "</s>");
  for (int i = 0; i < plain.tokens_size(); ++i) EXPECT_EQ(special.tokens(i + 1).id(), plain.tokens(i).id());
}

TEST_F(TeiTest, TokenizingHasNoLimitOfTokens) {
  internal::RawEncodeRequest request;
  for (int i = 0; i < 2000; ++i) request.mutable_inputs()->append("film ");
  EXPECT_GE(Tokenize(request).response.tokens_size(), 2000);
}

TEST_F(TeiTest, ThereAreNoPrompts) {
  internal::RawEncodeRequest request;
  request.set_inputs("a");
  request.set_prompt_name("query");
  EXPECT_EQ(Tokenize(request).status.message(), "prompt_name: \"query\"; the model has no prompts");
}

TEST_F(TeiTest, TokenizeCallsArePermittedCountedAndLogged) {
  internal::RawEncodeRequest request;
  request.set_inputs("good");
  ASSERT_TRUE(Tokenize(request).status.ok());
  puppet_.permits.Close();
  EXPECT_STREQ(call::ReasonOf(Tokenize(request).status), "draining");
  const std::vector<std::string>& lines = puppet_.CloseLog();
  ASSERT_EQ(lines.size(), 2u);
  EXPECT_THAT(lines[0], HasSubstr("\"method\":\"Tokenize\",\"code\":\"OK\""));
  EXPECT_THAT(lines[1], HasSubstr("\"reason\":\"draining\""));
}

TEST_F(TeiTest, InfoSaysWhatIsServed) {
  const tei::v1::InfoResponse info = MakeInfo(puppet_.parts, {"1.2.3", "abc", 64, 2048, 2});
  EXPECT_EQ(info.model_id(), "puppet");
  EXPECT_EQ(info.model_sha(), puppet_.registry.checkpoint().revision());
  EXPECT_EQ(info.model_type(), tei::v1::MODEL_TYPE_CLASSIFIER);
  EXPECT_EQ(info.max_input_length(), 512u);
  EXPECT_EQ(info.max_client_batch_size(), 1000u);
  EXPECT_EQ(info.max_concurrent_requests(), 64u);
}

}  // namespace
}  // namespace roberta::transport
