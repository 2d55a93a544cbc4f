#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>

#include "tests/server/transport/http_exchange.h"

namespace roberta::transport {
namespace {

using nlohmann::json;
using ::testing::HasSubstr;

constexpr char kInfer[] = "/v2/models/puppet/infer";

/// The scores that /v1/classify gives to a text, in its order.
json ScoresOf(PuppetApi& api, const std::string& item) {
  json scores = json::array();
  const auto classified = BodyOf(api.Post("/v1/classify", R"({"items": [)" + item + "]}"));
  for (const json& score : classified["results"][0]["classification"]["scores"]) {
    scores.push_back({{"score", score["score"]}, {"label", score["label"]}});
  }
  return scores;
}

TEST(HttpTei, PredictsATextAPairOrABatch) {
  PuppetApi api;
  const json text = ScoresOf(api, R"({"text": "good"})");
  const json pair = ScoresOf(api, R"({"text": "good", "textPair": "bad film"})");
  EXPECT_EQ(text.size(), 2u);
  EXPECT_EQ(BodyOf(api.Post("/predict", R"({"inputs": "good"})")), text);
  EXPECT_EQ(BodyOf(api.Post("/predict", R"({"inputs": ["good"]})")), text);
  EXPECT_EQ(BodyOf(api.Post("/predict", R"({"inputs": ["good", "bad film"], "truncate": null})")), pair);
  EXPECT_EQ(BodyOf(api.Post("/predict", R"({"inputs": [["good"], ["good", "bad film"]]})")), json({text, pair}));
}

TEST(HttpTei, RawScoresAreTheLogits) {
  PuppetApi api;
  const auto raw = BodyOf(api.Post("/predict", R"({"inputs": "good", "raw_scores": true})"));
  const auto classified = BodyOf(api.Post("/v1/classify", R"({"items": [{"text": "good"}], "returnLogits": true})"));
  std::vector<float> logits = classified["results"][0]["classification"]["logits"];
  std::sort(logits.rbegin(), logits.rend());
  EXPECT_EQ(raw[0]["score"], logits[0]);
}

TEST(HttpTei, LongTextsAreTruncatedIfAsked) {
  PuppetApi api;
  std::string text = "good";
  for (int i = 0; i < 600; ++i) text += " film";
  const json body = {{"inputs", text}};
  const http::Response refused = api.Post("/predict", body.dump());
  EXPECT_EQ(BodyOf(refused)["error_type"], "too_many_tokens");
  for (const char* direction : {"left", "Right"}) {
    const json truncated = {{"inputs", text}, {"truncate", true}, {"truncation_direction", direction}};
    EXPECT_EQ(api.Post("/predict", truncated.dump()).status, 200u);
  }
}

TEST(HttpTei, ErrorsNameFieldsAsTheBodyHasThem) {
  PuppetApi api;
  const std::pair<const char*, const char*> kCases[] = {
      {R"({"inputs": ""})", "inputs"},
      {R"({"inputs": ["a", " "]})", "inputs[1]"},
      {R"({"inputs": [["a"], ["b", " "]]})", "inputs[1][1]"},
      {R"({"inputs": ["a", "b", "c"]})", "inputs"},
      {R"({"inputs": [["a"], "b"]})", "inputs[1]"},
      {R"({"inputs": ["a", ["b"]]})", "inputs"},
      {R"({"inputs": []})", "inputs"},
      {R"({"inputs": 5})", "inputs"},
      {R"({})", "inputs"},
      {R"({"inputs": "a", "truncate": "yes"})", "truncate"},
      {R"({"inputs": "a", "truncation_direction": "up"})", "truncation_direction"},
      {R"({"inputs": "a", "normalize": true})", "normalize"},
  };
  for (const auto& [body, field] : kCases) {
    const http::Response response = api.Post("/predict", body);
    EXPECT_EQ(response.status, 400u) << body;
    EXPECT_EQ(BodyOf(response)["field_violations"][0]["field"], field) << response.body;
  }
}

TEST(HttpTei, TokenizesEachText) {
  PuppetApi api;
  const auto tokens = BodyOf(api.Post("/tokenize", R"({"inputs": ["good", "a film"]})"));
  ASSERT_EQ(tokens.size(), 2u);
  EXPECT_EQ(tokens[0].size(), 3u);
  EXPECT_EQ(tokens[0][0]["special"], true);
  EXPECT_EQ(tokens[0][1]["text"], "good");
  EXPECT_EQ(tokens[1][2]["start"], 2);
  EXPECT_EQ(BodyOf(api.Post("/tokenize", R"({"inputs": "good"})")), json({tokens[0]}));
  EXPECT_EQ(BodyOf(api.Post("/tokenize", R"({"inputs": "good", "add_special_tokens": false})"))[0].size(), 1u);
}

TEST(HttpTei, TheTextsOfOneRequestAreOneCallWithOnePermit) {
  PuppetApi api;
  std::vector<admission::Permit> taken(63);  // all but one
  for (admission::Permit& permit : taken) ASSERT_TRUE(api.puppet.concurrency.Admit({}, &permit).ok());
  const json body = {{"inputs", std::vector<std::string>(100, "good film")}};
  const http::Response response = api.Post("/tokenize", body.dump());
  ASSERT_EQ(response.status, 200u) << response.body;
  EXPECT_EQ(BodyOf(response).size(), 100u);
  taken.clear();
  const std::vector<std::string>& lines = api.puppet.CloseLog();
  ASSERT_EQ(lines.size(), 1u);
  EXPECT_THAT(lines[0], HasSubstr("\"items\":100"));
  EXPECT_THAT(lines[0], HasSubstr("\"tokens\":400"));
}

TEST(HttpTei, TokenizeNamesTheTextThatIsWrong) {
  PuppetApi api;
  EXPECT_EQ(BodyOf(api.Post("/tokenize", R"({"inputs": ["a", " "]})"))["field_violations"][0]["field"], "inputs[1]");
  EXPECT_EQ(BodyOf(api.Post("/tokenize", R"({"inputs": " "})"))["field_violations"][0]["field"], "inputs");
}

TEST(HttpTei, TokenizeRefusesWhatIsNoText) {
  PuppetApi api;
  for (const char* body :
       {R"({"inputs": []})", R"({"inputs": [5]})", R"({"inputs": 5})", "{}", "[",
        R"({"inputs": "a", "prompt_name": "x"})", R"({"inputs": ["a", ""]})", R"({"inputs": {"a": "x"}})"}) {
    EXPECT_EQ(api.Post("/tokenize", body).status, 400u) << body;
  }
}

TEST(HttpTei, TellsTheModelAndWhetherItIsReady) {
  PuppetApi api;
  const auto info = BodyOf(api.Get("/info"));
  EXPECT_EQ(info["model_id"], "puppet");
  EXPECT_EQ(info["model_type"]["classifier"]["id2label"]["1"], "positive");
  EXPECT_EQ(info["model_type"]["classifier"]["label2id"]["positive"], 1);
  EXPECT_EQ(api.Get("/health").body, "the page /readyz");
}

TEST(HttpOip, InfersWithTheScoresOfClassify) {
  PuppetApi api;
  const auto answer = BodyOf(api.Post(kInfer, R"({"id": "7", "inputs": [
      {"name": "any", "datatype": "BYTES", "shape": [2, 1], "data": [["good"], ["a film"]]}]})"));
  EXPECT_EQ(answer["model_name"], "puppet");
  EXPECT_EQ(answer["model_version"], "1");
  EXPECT_EQ(answer["id"], "7");
  EXPECT_EQ(answer["parameters"]["profile"], "baseline");
  const json expected = ScoresOf(api, R"({"text": "good"})");
  for (const json& output : answer["outputs"]) {
    if (output["name"] == "label") {
      EXPECT_EQ(output["data"][0], expected[0]["label"]);
    }
    if (output["name"] != "scores") continue;
    EXPECT_EQ(output["shape"], json({2, 2}));
    const float best = std::max(output["data"][0].get<float>(), output["data"][1].get<float>());
    EXPECT_EQ(best, expected[0]["score"].get<float>());
  }
}

TEST(HttpOip, TakesAndGivesBinaryData) {
  PuppetApi api;
  const std::string json_part = R"({"inputs": [
      {"name": "text", "datatype": "BYTES", "shape": [1], "parameters": {"binary_data_size": 8}},
      {"name": "text_pair", "datatype": "BYTES", "shape": [1], "data": ["bad"]}],
      "outputs": [{"name": "scores", "parameters": {"binary_data": true}}, {"name": "label"}]})";
  const std::string raw("\x04\0\0\0good", 8);
  const http::Response response = api.Post(kInfer, json_part + raw,
                                           {{"content-type", "application/octet-stream"},
                                            {"inference-header-content-length", std::to_string(json_part.size())}});
  ASSERT_EQ(response.status, 200u) << response.body;
  const size_t length = std::stoul(HeaderOf(response, "Inference-Header-Content-Length"));
  const auto answer = json::parse(response.body.substr(0, length));
  EXPECT_EQ(answer["outputs"][0]["parameters"]["binary_data_size"], 8);
  EXPECT_EQ(answer["outputs"][1]["data"].size(), 1u);
  float scores[2];
  ASSERT_EQ(response.body.size(), length + sizeof scores);
  std::memcpy(scores, response.body.data() + length, sizeof scores);
  const json expected = ScoresOf(api, R"({"text": "good", "textPair": "bad"})");
  EXPECT_EQ(std::max(scores[0], scores[1]), expected[0]["score"].get<float>());
}

TEST(HttpOip, BinaryDataThatDoesNotFitIsRefused) {
  PuppetApi api;
  const auto refused = [&](const std::string& parameters, const std::string& raw, const std::string& length) {
    const std::string json_part =
        R"({"inputs": [{"name": "a", "datatype": "BYTES", "shape": [1], "parameters": )" + parameters + "}]}";
    const std::string bytes = length.empty() ? std::to_string(json_part.size()) : length;
    const http::Response response = api.Post(kInfer, json_part + raw, {{"inference-header-content-length", bytes}});
    EXPECT_EQ(response.status, 400u) << response.body;
    return response.body;
  };
  EXPECT_THAT(refused(R"({"binary_data_size": 9})", "\x04", ""), HasSubstr("at most 1"));
  EXPECT_THAT(refused(R"({"binary_data_size": -1})", "", ""), HasSubstr("binary_data_size"));
  EXPECT_THAT(refused(R"({"binary_data_size": "8"})", "12345678", ""), HasSubstr("binary_data_size"));
  EXPECT_THAT(refused(R"({"binary_data_size": 4})", "1234", ""), HasSubstr("raw_input_contents[0]"));
  EXPECT_THAT(refused("{}", "12345678", ""), HasSubstr("8 bytes of binary data are of no input"));
  EXPECT_THAT(refused("{}", "", "100000"), HasSubstr("Inference-Header-Content-Length"));
  EXPECT_THAT(refused("{}", "", "-1"), HasSubstr("Inference-Header-Content-Length"));
}

TEST(HttpOip, ErrorsNameTheField) {
  PuppetApi api;
  const std::pair<const char*, const char*> kCases[] = {
      {R"({"inputs": [5]})", "inputs[0]: 5"},
      {R"({"inputs": [{"name": "a", "shape": [1], "datatype": "BYTES", "data": [1]}]})", "inputs[0].data: 1"},
      {R"({"inputs": [{"name": "a", "shape": [-1], "datatype": "BYTES"}]})", "inputs[0].shape: -1"},
      {R"({"inputs": [{"name": "a", "shape": ["1"], "datatype": "BYTES"}]})", "inputs[0].shape"},
      {R"({"inputs": [{"name": 1}]})", "inputs[0].name: 1"},
      {R"({"inputs": [], "outputs": [{"nam": "scores"}]})", "outputs[0].nam"},
      {R"({"inputs": [], "parameters": {"a": null}})", "parameters[\\\"a\\\"]: null"},
      {R"({"model": "x"})", "model: unknown field"},
      {R"({"id": 5})", "id: 5"},
      {R"({"inputs": [{"name": "a", "shape": [1], "datatype": "BYTES", "data": [" "]}]})", "inputs[0][0]"},
  };
  for (const auto& [body, error] : kCases) EXPECT_THAT(api.Post(kInfer, body).body, HasSubstr(error)) << body;
}

TEST(HttpOip, ModelsAndVersionsThatAreNotThereAre404) {
  PuppetApi api;
  const std::string body = R"({"inputs": [{"name": "a", "shape": [1], "datatype": "BYTES", "data": ["good"]}]})";
  for (const char* model : {"other", "puppet@nothing", "puppet/versions/2"}) {
    const std::string path = std::string("/v2/models/") + model;
    EXPECT_EQ(api.Post(path + "/infer", body).status, 404u) << model;
    for (const char* page : {"", "/ready", "/config", "/stats"}) EXPECT_EQ(api.Get(path + page).status, 404u) << model;
  }
  EXPECT_EQ(api.Post("/v2/models/puppet%40baseline/versions/1/infer", body).status, 200u);
  EXPECT_EQ(api.Post("/v2/repository/models/other/load", "").status, 404u);
}

TEST(HttpOip, DescribesServerAndModels) {
  PuppetApi api;
  api.puppet.metrics.readiness() = metrics::Readiness::kServing;
  EXPECT_THAT(BodyOf(api.Get("/v2"))["extensions"].dump(), HasSubstr("binary_tensor_data"));
  const auto metadata = BodyOf(api.Get("/v2/models/puppet/versions/1"));
  EXPECT_EQ(metadata["inputs"][0]["shape"], json({-1, 1}));
  EXPECT_EQ(metadata["properties"]["max_tokens"], "512");
  EXPECT_EQ(BodyOf(api.Get("/v2/models/puppet/config"))["parameters"]["profile"]["string_value"], "baseline");
  EXPECT_EQ(BodyOf(api.Get("/v2/models/puppet@baseline/stats"))["model_stats"].size(), 1u);
  EXPECT_EQ(BodyOf(api.Get("/v2/models/stats"))["model_stats"].size(), 2u);
  EXPECT_EQ(BodyOf(api.Post("/v2/repository/index", ""))[1]["name"], "puppet@quantized");
  EXPECT_EQ(BodyOf(api.Post("/v2/repository/index", R"({"ready": true})")).size(), 1u);
  EXPECT_EQ(api.Post("/v2/repository/models/puppet@baseline/load", R"({"parameters": {}})").status, 200u);
  EXPECT_EQ(api.Post("/v2/repository/models/puppet@baseline/unload", "").status, 200u);
  EXPECT_EQ(api.Post("/v2/repository/models/puppet/load", R"({"parameters": {"config": "{}"}})").status, 400u);
}

TEST(HttpOip, ReadinessIsAStatus) {
  PuppetApi api;
  EXPECT_EQ(api.Get("/v2/health/live").status, 200u);
  EXPECT_EQ(api.Get("/v2/health/ready").status, 503u);
  api.puppet.metrics.readiness() = metrics::Readiness::kServing;
  EXPECT_EQ(api.Get("/v2/health/ready").status, 200u);
  EXPECT_EQ(api.Get("/v2/models/puppet/ready").status, 200u);
  EXPECT_EQ(api.Get("/v2/models/puppet@quantized/ready").status, 503u);
}

}  // namespace
}  // namespace roberta::transport
