// What a hostile or careless client sends: each gets its code, and the server goes on as before.
#include <gmock/gmock.h>

#include <fstream>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "absl/strings/str_join.h"
#include "profiles/registry/recipes.h"
#include "tests/server/app/running_server.h"

namespace roberta::app {
namespace {

using ::testing::HasSubstr;

class BadInput : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    config::ServerConfig config = DemoConfig();
    config.mutable_execution()->set_max_batch_tokens(256);  // a long text then makes few short ones wait in its padding
    running_ = new RunningServer(config);
  }
  static void TearDownTestSuite() { delete std::exchange(running_, nullptr); }
  void TearDown() override { running_->ExpectUnharmed(); }

  static void ExpectInvalid(const v1::ClassifyRequest& request, const std::string& expected) {
    const auto answer = running_->Classify(request);
    EXPECT_EQ(answer.status.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
    EXPECT_THAT(answer.status.error_message(), HasSubstr(expected));
  }

  static RunningServer* running_;
};

RunningServer* BadInput::running_ = nullptr;

TEST_F(BadInput, NoItems) {
  ExpectInvalid({}, "items: the request has none");
}

TEST_F(BadInput, AnEmptyText) {
  v1::ClassifyRequest request;
  request.add_items()->set_text("good");
  request.add_items();
  ExpectInvalid(request, "items[1].text: the text is empty");
}

TEST_F(BadInput, ABlankText) {
  v1::ClassifyRequest request;
  request.add_items()->set_text(" \t\r\n\xe2\x80\xa8");
  ExpectInvalid(request, "items[0].text: the text is blank");
}

TEST_F(BadInput, TenMegabytesOfText) {
  v1::ClassifyRequest request;
  request.add_items()->set_text(std::string(10 << 20, 'a'));
  EXPECT_EQ(running_->Classify(request).status.error_code(), grpc::StatusCode::RESOURCE_EXHAUSTED);
}

TEST_F(BadInput, OneMegabyteOfText) {
  v1::ClassifyRequest request;
  request.add_items()->set_text(std::string(1 << 20, 'a'));
  ExpectInvalid(request, "items[0].text: 1048576 characters; at most 100000");
}

TEST_F(BadInput, AHundredThousandItems) {
  v1::ClassifyRequest request;
  for (int i = 0; i < 100000; ++i) request.add_items()->set_text("good");
  ExpectInvalid(request, "items: 100000 of them; at most 1024");
}

TEST_F(BadInput, ATextWithTooManyTokens) {
  v1::ClassifyRequest request;
  std::string text;
  for (int i = 0; i < 1000; ++i) text += "word ";
  request.add_items()->set_text(text);
  ExpectInvalid(request, "items[0].text: ");
}

TEST_F(BadInput, AnUnknownProfile) {
  v1::ClassifyRequest request;
  request.add_items()->set_text("good");
  request.set_profile("turbo");
  std::vector<std::string> names;
  for (const registry::Recipe& recipe : registry::BuiltInRecipes()) names.push_back(recipe.name);
  ExpectInvalid(request, "\"turbo\" is unknown; the profiles are " + absl::StrJoin(names, ", "));
}

TEST_F(BadInput, ANulByteIsACharacterLikeAnyOther) {
  v1::ClassifyRequest request;
  request.add_items()->set_text(std::string("good\0film", 9));
  const auto answer = running_->Classify(request);
  ASSERT_TRUE(answer.status.ok()) << answer.status.error_message();
  EXPECT_GT(answer.response.results(0).classification().token_count(), 3u);
}

TEST_F(BadInput, NeighboursOfBadItemsAreAnswered) {
  v1::ClassifyRequest request;
  request.set_allow_partial(true);
  request.add_items()->set_text("a warm, funny and deeply moving film");
  request.add_items()->set_text("");
  request.add_items()->set_text(std::string(200000, 'x'));
  request.add_items()->set_text("a dull, lifeless mess without one good idea");
  const auto answer = running_->Classify(request);
  ASSERT_TRUE(answer.status.ok()) << answer.status.error_message();
  EXPECT_EQ(answer.response.results(0).classification().label(), "positive");
  EXPECT_EQ(answer.response.results(1).status().code(), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_EQ(answer.response.results(2).status().code(), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_EQ(answer.response.results(3).classification().label(), "negative");
}

TEST_F(BadInput, EveryNaughtyStringIsAnsweredOrRefusedByItem) {
  ROBERTA_SHARED_OR_SKIP(path, "data/blns/blns.json");
  const nlohmann::json strings = nlohmann::json::parse(std::ifstream(path));
  v1::ClassifyRequest request;
  request.set_allow_partial(true);
  request.set_truncation(v1::TRUNCATION_RIGHT);
  for (const nlohmann::json& text : strings) request.add_items()->set_text(text.get<std::string>());
  const auto answer = running_->Classify(request);
  ASSERT_TRUE(answer.status.ok()) << answer.status.error_message();
  ASSERT_EQ(answer.response.results_size(), request.items_size());
  int answered = 0;
  for (int i = 0; i < request.items_size(); ++i) {
    const v1::ItemResult& result = answer.response.results(i);
    answered += result.has_classification();
    if (!result.has_classification()) {
      EXPECT_EQ(result.status().code(), grpc::StatusCode::INVALID_ARGUMENT) << request.items(i).text();
    }
  }
  EXPECT_GT(answered, 500);
}

}  // namespace
}  // namespace roberta::app
