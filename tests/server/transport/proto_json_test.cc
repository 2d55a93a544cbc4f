#include "server/transport/proto_json.h"

#include <gmock/gmock.h>
#include <google/protobuf/util/json_util.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "roberta/internal/requests.pb.h"
#include "roberta/v1/classifier.pb.h"
#include "roberta/v1/profiles.pb.h"

namespace roberta::transport {
namespace {

using ::testing::HasSubstr;

std::string ErrorOf(const std::string& text) {
  nlohmann::json body;
  absl::Status status = ParseJsonObject(text, &body);
  std::vector<FieldProblem> problems;
  internal::RawClassifyRequest request;
  if (status.ok()) status = MessageFromJson(body, *v1::ClassifyRequest::descriptor(), &request, &problems);
  return std::string(status.message());
}

TEST(MessageFromJson, ReadsWhatProtobufReads) {
  const std::string text = R"({"items": [{"text": "a", "textPair": "b", "id": "1"}, {"text": "\u00e9"}],
      "profile": "auto", "truncation": "TRUNCATION_RIGHT", "function_to_apply": 2, "topK": "3", "returnLogits": true,
      "allow_partial": null, "priority": "PRIORITY_HIGH",
      "objective": {"minAccuracy": 0.5, "min_agreement": 1, "maxLatencyMs": 1e2}})";
  v1::ClassifyRequest expected;
  ASSERT_TRUE(google::protobuf::util::JsonStringToMessage(text, &expected).ok());
  std::vector<FieldProblem> problems;
  internal::RawClassifyRequest raw;
  const auto status = MessageFromJson(nlohmann::json::parse(text), *v1::ClassifyRequest::descriptor(), &raw, &problems);
  ASSERT_TRUE(status.ok()) << status;
  EXPECT_EQ(raw.SerializeAsString(), expected.SerializeAsString());
}

TEST(MessageFromJson, NamesTheFieldThatIsWrong) {
  const std::pair<const char*, const char*> kCases[] = {
      {R"({"itemz": []})", "itemz: unknown field"},
      {R"({"items": [{"text": "a"}, {"words": 1}]})", "items[1].words: unknown field"},
      {R"({"topK": 1, "top_k": 2})", "top_k: came twice, under two names"},
      {R"({"items": {}})", "items: {} is not an array"},
      {R"({"items": [null]})", "items[0]: null is not an object"},
      {R"({"items": [{"text": 5}]})", "items[0].text: 5 is not a string"},
      {R"({"topK": -1})", "top_k: -1 is not a whole number that fits uint32"},
      {R"({"topK": 1.5})", "top_k: 1.5 is not a whole number that fits uint32"},
      {R"({"topK": "4294967296"})", "top_k: \"4294967296\" is not a whole number that fits uint32"},
      {R"({"returnLogits": 1})", "return_logits: 1 is not true or false"},
      {R"({"priority": "URGENT"})", "priority: \"URGENT\" is not one of PRIORITY_NORMAL, PRIORITY_LOW, PRIORITY_HIGH"},
      {R"({"objective": {"minAccuracy": "x"}})", "objective.min_accuracy: \"x\" is not a number"},
  };
  for (const auto& [text, error] : kCases) EXPECT_EQ(ErrorOf(text), error);
}

TEST(ParseJsonObject, RefusesWhatIsNoObjectOfRfc8259) {
  for (const std::string& text :
       {std::string(""), std::string("[]"), std::string("{"), std::string("{'a': 1}"), std::string("{\"a\": 1,}"),
        std::string("{\"a\": NaN}"), std::string("{} {}"), std::string("{\"a\": \"\xff\"}"),
        std::string("{\"a\": 1, \"a\": 2}"), std::string(100000, '['), std::string("{\"a\": \"\\ud800\"}")}) {
    EXPECT_THAT(ErrorOf(text), HasSubstr("the body: ")) << text.substr(0, 20);
  }
}

TEST(AppendMessageJson, ReadsBackEqual) {
  v1::ClassifyResponse response;
  v1::Classification* classification = response.add_results()->mutable_classification();
  classification->set_label("a \"quoted\"\n\x01 label \xc3\xa9");
  classification->set_score(0.1F);
  for (const float value : {1e-30F, 3.4028235e38F, -0.0F, 1.0F / 3, std::nextafter(1.0F, 2.0F)}) {
    classification->add_logits(value);
  }
  response.add_results()->mutable_status()->set_code(3);
  response.mutable_phases()->set_total_ns(std::numeric_limits<int64_t>::max());
  std::string json;
  AppendMessageJson(response, &json);
  v1::ClassifyResponse again;
  ASSERT_TRUE(google::protobuf::util::JsonStringToMessage(json, &again).ok()) << json;
  EXPECT_EQ(again.SerializeAsString(), response.SerializeAsString());
}

TEST(AppendMessageJson, LooksAsProtobufWritesIt) {
  v1::ProfileInfo info;
  info.set_name("baseline");
  info.set_state(v1::READY);
  info.add_kernels("a");
  info.add_kernels("b");
  info.set_accuracy(0);
  info.add_load_steps()->set_seconds(0.25);
  google::protobuf::util::JsonPrintOptions options;
  options.always_print_primitive_fields = true;
  std::string expected, json;
  ASSERT_TRUE(google::protobuf::util::MessageToJsonString(info, &expected, options).ok());
  AppendMessageJson(info, &json);
  EXPECT_EQ(nlohmann::json::parse(json), nlohmann::json::parse(expected));
}

TEST(AppendMessageJson, NumbersThatAreNoneAreInQuotes) {
  v1::Score score;
  score.set_score(std::nanf(""));
  std::string json;
  AppendMessageJson(score, &json);
  EXPECT_EQ(json, R"({"label":"","index":0,"score":"NaN"})");
}

}  // namespace
}  // namespace roberta::transport
