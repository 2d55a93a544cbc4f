#include "server/transport/oip.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>

#include "server/call/failure_reason.h"
#include "tests/server/service/puppet_server.h"
#include "tests/server/transport/translated.h"

namespace roberta::transport {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

/// A BYTES tensor of raw contents.
std::string Raw(const std::vector<std::string>& elements) {
  std::string raw;
  for (const std::string& element : elements) {
    for (int shift = 0; shift < 32; shift += 8) raw.push_back(static_cast<char>(element.size() >> shift));
    raw += element;
  }
  return raw;
}

inference::ModelInferRequest Texts(const std::vector<std::string>& texts, const std::string& name = "text") {
  inference::ModelInferRequest request;
  request.set_model_name("puppet");
  auto* input = request.add_inputs();
  input->set_name(name);
  input->set_datatype("BYTES");
  input->add_shape(static_cast<int64_t>(texts.size()));
  for (const std::string& text : texts) input->mutable_contents()->add_bytes_contents(text);
  return request;
}

std::vector<float> Floats(const std::string& raw) {
  std::vector<float> floats(raw.size() / sizeof(float));
  std::memcpy(floats.data(), raw.data(), raw.size());
  return floats;
}

class OipTest : public testing::Test {
 protected:
  Translated<inference::ModelInferResponse> Infer(const inference::ModelInferRequest& request,
                                                  OutputContents contents = OutputContents::kRaw) {
    InferTranslation translation(&puppet_.parts, contents);
    return Translate(&translation, request, &puppet_.classification, &service::Classification::Start);
  }
  std::string ErrorOf(const inference::ModelInferRequest& request) {
    const auto inferred = Infer(request);
    EXPECT_FALSE(inferred.status.ok());
    return std::string(inferred.status.message());
  }

  service::PuppetServer puppet_{
      std::make_shared<service::PuppetProfile>(), 64, {}, 1, std::make_shared<service::PuppetProfile>()};
};

TEST_F(OipTest, OutputsAreWhatClassifyAnswers) {
  auto request = Texts({"good", "a fine film"});
  request.set_id("mine");
  const auto inferred = Infer(request);
  ASSERT_TRUE(inferred.status.ok()) << inferred.status;
  const inference::ModelInferResponse& response = inferred.response;
  auto call = puppet_.Call({"good", "a fine film"});
  call->request.set_return_logits(true);
  const auto classified = puppet_.Run(call);
  EXPECT_EQ(response.model_name(), "puppet");
  EXPECT_EQ(response.model_version(), "1");
  EXPECT_EQ(response.id(), "mine");
  EXPECT_EQ(response.parameters().at("profile").string_param(), "baseline");
  ASSERT_EQ(response.outputs_size(), 4);
  ASSERT_EQ(response.raw_output_contents_size(), 4);
  EXPECT_THAT(response.outputs(0).shape(), ElementsAre(2, 2));
  EXPECT_THAT(response.outputs(2).shape(), ElementsAre(2));
  const std::vector<float> scores = Floats(response.raw_output_contents(0));
  const std::vector<float> logits = Floats(response.raw_output_contents(1));
  for (int i = 0; i < 2; ++i) {
    const v1::Classification& expected = classified.response.results(i).classification();
    for (const v1::Score& score : expected.scores()) {
      EXPECT_EQ(scores[static_cast<size_t>(2 * i + score.index())], score.score());
      EXPECT_EQ(logits[static_cast<size_t>(2 * i + score.index())], expected.logits(score.index()));
    }
  }
  EXPECT_EQ(response.raw_output_contents(2), Raw({"negative", "negative"}));
  EXPECT_EQ(response.raw_output_contents(3), std::string(16, '\0'));
}

TEST_F(OipTest, RawAndTypedContentsAreTheSame) {
  auto request = Texts({"good", "bad"});
  const auto typed = Infer(request, OutputContents::kTyped);
  request.mutable_inputs(0)->clear_contents();
  request.mutable_inputs(0)->add_shape(1);  // [N, 1] is as good as [N]
  request.add_raw_input_contents(Raw({"good", "bad"}));
  const auto raw = Infer(request);
  ASSERT_TRUE(typed.status.ok() && raw.status.ok()) << typed.status << raw.status;
  EXPECT_EQ(typed.response.raw_output_contents_size(), 0);
  const auto& scores = typed.response.outputs(0).contents().fp32_contents();
  EXPECT_EQ(Floats(raw.response.raw_output_contents(0)), std::vector<float>(scores.begin(), scores.end()));
  EXPECT_THAT(typed.response.outputs(2).contents().bytes_contents(), ElementsAre("negative", "negative"));
  EXPECT_THAT(typed.response.outputs(3).contents().int64_contents(), ElementsAre(0, 0));
}

TEST_F(OipTest, OnlyTheOutputsAskedForAreThereInTheirOrder) {
  auto request = Texts({"good"}, "whatever");
  request.add_outputs()->set_name("index");
  request.add_outputs()->set_name("label");
  const auto inferred = Infer(request);
  ASSERT_EQ(inferred.response.outputs_size(), 2) << inferred.status;
  EXPECT_EQ(inferred.response.outputs(0).name(), "index");
  EXPECT_EQ(inferred.response.raw_output_contents(1), Raw({"negative"}));
}

TEST_F(OipTest, ClassesAreValueIndexAndLabel) {
  auto request = Texts({"good"});
  auto* logits = request.add_outputs();
  logits->set_name("logits");
  (*logits->mutable_parameters())["classification"].set_int64_param(1);
  auto* scores = request.add_outputs();
  scores->set_name("scores");
  (*scores->mutable_parameters())["classification"].set_int64_param(9);
  const auto inferred = Infer(request, OutputContents::kTyped);
  ASSERT_TRUE(inferred.status.ok()) << inferred.status;
  const auto& first = inferred.response.outputs(0);
  EXPECT_EQ(first.datatype(), "BYTES");
  EXPECT_THAT(first.shape(), ElementsAre(1, 1));
  EXPECT_THAT(first.contents().bytes_contents(), ElementsAre("3.000000:0:negative"));
  const auto& second = inferred.response.outputs(1);
  EXPECT_THAT(second.shape(), ElementsAre(1, 2)) << "there are no more labels";
  EXPECT_THAT(second.contents().bytes_contents(), ElementsAre("0.952574:0:negative", "0.047426:1:positive"));
}

TEST_F(OipTest, AProfileIsPartOfTheModelsNameAndTheParameterWins) {
  auto request = Texts({"good"});
  request.set_model_name("puppet@quantized");
  EXPECT_EQ(Infer(request).response.parameters().at("profile").string_param(), "quantized");
  (*request.mutable_parameters())["profile"].set_string_param("baseline");
  EXPECT_EQ(Infer(request).response.parameters().at("profile").string_param(), "baseline");
  (*request.mutable_parameters())["profile"].set_string_param("nonesuch");
  EXPECT_STREQ(call::ReasonOf(Infer(request).status), "unknown_profile");
  request.clear_parameters();
  request.set_model_name("puppet@auto");
  EXPECT_EQ(Infer(request).response.parameters().at("profile").string_param(), "baseline");
}

TEST_F(OipTest, UnknownModelsAndVersionsAreNotFound) {
  for (const auto& [name, version] : std::vector<std::pair<std::string, std::string>>{
           {"puppet@nonesuch", ""}, {"pup", ""}, {"", ""}, {"puppet@", ""}, {"puppet", "2"}}) {
    auto request = Texts({"good"});
    request.set_model_name(name);
    request.set_model_version(version);
    const auto inferred = Infer(request);
    EXPECT_EQ(inferred.status.code(), absl::StatusCode::kNotFound) << name;
    EXPECT_STREQ(call::ReasonOf(inferred.status), "unknown_model") << name;
  }
}

TEST_F(OipTest, ParametersAreTritons) {
  auto request = Texts({"good"});
  auto& parameters = *request.mutable_parameters();
  parameters["priority"].set_uint64_param(1);
  parameters["timeout"].set_int64_param(60'000'000);
  parameters["truncation"].set_string_param("left");
  parameters["function_to_apply"].set_string_param("sigmoid");
  parameters["sequence_id"].set_int64_param(3);
  InferTranslation translation(&puppet_.parts);
  service::ClassifyCall call(call::PhaseClock::Clock::now());
  *translation.request(&call) = request;
  const auto before = std::chrono::system_clock::now();
  ASSERT_TRUE(translation.Begin(&call).ok());
  EXPECT_EQ(call.request.priority(), v1::PRIORITY_HIGH);
  EXPECT_EQ(call.request.truncation(), v1::TRUNCATION_LEFT);
  EXPECT_EQ(call.request.function_to_apply(), v1::FUNCTION_SIGMOID);
  EXPECT_GE(call.deadline, before + std::chrono::seconds(60));
  EXPECT_LE(call.deadline, std::chrono::system_clock::now() + std::chrono::seconds(60));
}

TEST_F(OipTest, ATimeoutThatPassesIsADeadline) {
  auto request = Texts({"good"});
  (*request.mutable_parameters())["timeout"].set_int64_param(1);
  EXPECT_EQ(Infer(request).status.code(), absl::StatusCode::kDeadlineExceeded);
}

TEST_F(OipTest, ParametersThatMayChangeTheResultAreErrors) {
  const auto error_of = [this](const std::string& name, auto set) {
    auto request = Texts({"good"});
    set((*request.mutable_parameters())[name]);
    return ErrorOf(request);
  };
  const auto word = [](inference::InferParameter& value) { value.set_string_param("x"); };
  const auto negative = [](inference::InferParameter& value) { value.set_int64_param(-1); };
  EXPECT_EQ(error_of("temperature", word),
            "parameters[\"temperature\"]: unknown parameter, which may be meant to change the result");
  EXPECT_EQ(error_of("truncation", word), "parameters[\"truncation\"]: it must be one of error, right, left");
  EXPECT_EQ(error_of("priority", negative), "parameters[\"priority\"]: it must be a whole number, not negative");
  EXPECT_EQ(error_of("profile", negative), "parameters[\"profile\"]: it must be a string");
}

TEST_F(OipTest, ABadTextIsNamedByInputAndElement) {
  auto request = Texts({"good", " ", "b\xff"});
  const auto inferred = Infer(request);
  EXPECT_EQ(inferred.status.message(), "inputs[0][1]: the text is blank (and 1 more bad item)");
  ASSERT_EQ(inferred.problems.size(), 2u);
  EXPECT_EQ(inferred.problems[1].field, "inputs[0][2]");
}

TEST_F(OipTest, PairsAreASecondInput) {
  auto request = Texts({"yes", "no"}, "text_pair");
  *request.add_inputs() = Texts({"good", "bad"}).inputs(0);
  const auto inferred = Infer(request, OutputContents::kTyped);
  ASSERT_TRUE(inferred.status.ok()) << inferred.status;
  EXPECT_GE(inferred.response.outputs(1).contents().fp32_contents(0), 6) << "tokens of a pair";
  request.mutable_inputs(0)->mutable_contents()->set_bytes_contents(1, " ");
  EXPECT_EQ(ErrorOf(request), "inputs[0][1]: the text is blank");
  request.mutable_inputs(0)->set_name("other");
  EXPECT_EQ(ErrorOf(request), "inputs: of two, one must be text, the other one text_pair");
  EXPECT_EQ(ErrorOf(Texts({"yes"}, "text_pair")), "inputs: text_pair goes with text");
}

TEST_F(OipTest, TextsAreKeptOnceOnly) {
  for (const bool raw : {false, true}) {
    std::string text(100'000, 'a');
    InferTranslation translation(&puppet_.parts);
    service::ClassifyCall call(call::PhaseClock::Clock::now());
    inference::ModelInferRequest* const request = translation.request(&call);
    request->set_model_name("puppet");
    for (const char* name : {"text", "text_pair"}) {
      auto* const input = request->add_inputs();
      input->set_name(name);
      input->set_datatype("BYTES");
      input->add_shape(1);
      input->mutable_contents()->add_bytes_contents(text);
      if (!raw) continue;
      request->add_raw_input_contents(RawContents(input->contents()));
      input->clear_contents();
    }
    ASSERT_TRUE(translation.Begin(&call).ok()) << call.outcome.status;
    EXPECT_EQ(call.request.items(0).text().size() + call.request.items(0).text_pair().size(), 200'000u);
    EXPECT_LT(request->SpaceUsedLong(), 10'000u) << raw;
  }
}

TEST_F(OipTest, WrongInputsAreNamed) {
  const auto error_of = [this](auto change) {
    auto request = Texts({"good", "bad"});
    change(request);
    return ErrorOf(request);
  };
  using Request = inference::ModelInferRequest;
  EXPECT_EQ(error_of([](Request& r) { r.clear_inputs(); }),
            "inputs: 0 of them; there must be one, or text and text_pair");
  EXPECT_EQ(error_of([](Request& r) { r.mutable_inputs(0)->set_datatype("FP32"); }),
            "inputs[0].datatype: \"FP32\"; it must be BYTES");
  EXPECT_EQ(error_of([](Request& r) { r.mutable_inputs(0)->add_shape(2); }),
            "inputs[0].shape: [2, 2]; it must be [N] or [N, 1] for N texts, at least 1");
  EXPECT_EQ(error_of([](Request& r) { r.mutable_inputs(0)->set_shape(0, -1); }),
            "inputs[0].shape: [-1]; it must be [N] or [N, 1] for N texts, at least 1");
  EXPECT_EQ(error_of([](Request& r) { r.mutable_inputs(0)->set_shape(0, 3); }),
            "inputs[0].contents: 2 elements of bytes_contents; the shape has 3");
  EXPECT_EQ(error_of([](Request& r) { r.mutable_inputs(0)->set_shape(0, int64_t{1} << 40); }),
            "inputs[0].shape: 1099511627776 texts; at most 1000");
  EXPECT_EQ(error_of([](Request& r) {
              r.add_raw_input_contents(Raw({"a", "b"}));
            }),
            "inputs[0].contents: it must not be there beside raw_input_contents");
  EXPECT_EQ(error_of([](Request& r) {
              r.add_raw_input_contents("");
              r.add_raw_input_contents("");
            }),
            "raw_input_contents: 2 of them for 1 inputs");
  EXPECT_EQ(error_of([](Request& r) {
              r.mutable_inputs(0)->clear_contents();
              r.add_raw_input_contents(Raw({"a"}));
            }),
            "raw_input_contents[0]: 1 elements; the shape has 2");
  EXPECT_EQ(error_of([](Request& r) {
              (*r.mutable_inputs(0)->mutable_parameters())["shared_memory_region"].set_string_param("x");
            }),
            "inputs[0].parameters[\"shared_memory_region\"]: shared memory is not offered: send the contents");
}

TEST_F(OipTest, WrongOutputsAreNamed) {
  auto request = Texts({"good"});
  request.add_outputs()->set_name("embedding");
  EXPECT_EQ(ErrorOf(request), "outputs[0]: \"embedding\" is unknown; the outputs are scores, logits, label and index");
  request.mutable_outputs(0)->set_name("label");
  (*request.mutable_outputs(0)->mutable_parameters())["classification"].set_int64_param(1);
  EXPECT_THAT(ErrorOf(request), HasSubstr("goes with scores and logits only"));
  request.mutable_outputs(0)->clear_parameters();
  request.add_outputs()->set_name("label");
  EXPECT_EQ(ErrorOf(request), "outputs[1]: label is there twice");
}

TEST(SplitRawBytes, TakesExactlyTheElementsOfTheShape) {
  const std::string raw = Raw({"a", "", "bcd"});
  const auto split = SplitRawBytes(raw, 3);
  ASSERT_TRUE(split.ok()) << split.status();
  EXPECT_THAT(*split, ElementsAre("a", "", "bcd"));
  EXPECT_EQ(SplitRawBytes(raw, 2).status().message(), "the 2 elements of the shape end at byte 9");
  EXPECT_EQ(SplitRawBytes(raw, 4).status().message(), "3 elements; the shape has 4");
  EXPECT_EQ(SplitRawBytes(raw.substr(0, 7), 3).status().message(),
            "byte 5 begins a length, of which 4 bytes are not there");
  EXPECT_EQ(SplitRawBytes(std::string("\xff\xff\xff\xff", 4) + "ab", 1).status().message(),
            "the element at byte 0 has 4294967295 bytes, of which 2 are there");
  EXPECT_EQ(SplitRawBytes("", size_t{1} << 60).status().message(), "0 elements; the shape has 1152921504606846976");
}

TEST_F(OipTest, ModelsAreListedWithTheirStates) {
  puppet_.registry.SetQuantized(nullptr);
  const auto index = RepositoryIndex(puppet_.parts, {});
  ASSERT_TRUE(index.ok());
  std::vector<std::string> models;
  for (const auto& model : index->models()) models.push_back(model.name() + " " + model.state());
  EXPECT_THAT(models, ElementsAre("puppet@baseline READY", "puppet@quantized UNAVAILABLE"));
  inference::RepositoryIndexRequest ready;
  ready.set_ready(true);
  EXPECT_EQ(RepositoryIndex(puppet_.parts, ready)->models_size(), 1);
  ready.set_repository_name("other");
  EXPECT_EQ(RepositoryIndex(puppet_.parts, ready).status().code(), absl::StatusCode::kNotFound);
}

TEST_F(OipTest, AModelIsReadyWhereItsProfileIsAndTheServerServes) {
  puppet_.registry.SetQuantized(nullptr);
  inference::ModelReadyRequest request;
  request.set_name("puppet");
  EXPECT_FALSE(ModelReady(puppet_.parts, request)->ready());
  puppet_.metrics.readiness() = metrics::Readiness::kServing;
  EXPECT_TRUE(ModelReady(puppet_.parts, request)->ready());
  request.set_name("puppet@quantized");
  EXPECT_FALSE(ModelReady(puppet_.parts, request)->ready());
  request.set_version("7");
  EXPECT_EQ(ModelReady(puppet_.parts, request).status().message(), "version: \"7\" is unknown; the only one is 1");
}

TEST_F(OipTest, MetadataAndConfigDescribeTheSameTensors) {
  inference::ModelMetadataRequest about;
  about.set_name("puppet@baseline");
  const auto metadata = ModelMetadata(puppet_.parts, about);
  ASSERT_TRUE(metadata.ok());
  inference::ModelConfigRequest of;
  of.set_name("puppet@baseline");
  const auto config = ModelConfig(puppet_.parts, of);
  ASSERT_TRUE(config.ok());
  EXPECT_EQ(config->config().max_batch_size(), 1000);
  ASSERT_EQ(metadata->outputs_size(), config->config().output_size());
  const auto inferred = Infer(Texts({"good", "bad", "fine"}));
  ASSERT_EQ(inferred.response.outputs_size(), metadata->outputs_size());
  for (int i = 0; i < metadata->outputs_size(); ++i) {
    const auto& described = metadata->outputs(i);
    const auto& tensor = inferred.response.outputs(i);
    EXPECT_EQ(described.name(), config->config().output(i).name());
    EXPECT_EQ(described.name(), tensor.name());
    EXPECT_EQ(described.datatype(), tensor.datatype());
    ASSERT_EQ(described.shape_size(), tensor.shape_size());
    EXPECT_EQ(described.shape_size(), config->config().output(i).dims_size() + 1);
    for (int d = 1; d < tensor.shape_size(); ++d) EXPECT_EQ(described.shape(d), tensor.shape(d));
  }
}

TEST_F(OipTest, StatisticsAreThoseOfTheProfile) {
  ASSERT_TRUE(Infer(Texts({"good", "bad"})).status.ok());
  auto refused = Texts({" "});
  EXPECT_FALSE(Infer(refused).status.ok());
  puppet_.permits.WaitUntilIdle(std::chrono::seconds(60));
  inference::ModelStatisticsRequest request;
  EXPECT_EQ(ModelStatistics(puppet_.parts, request)->model_stats_size(), 2);
  request.set_name("puppet");
  const auto statistics = ModelStatistics(puppet_.parts, request);
  ASSERT_TRUE(statistics.ok()) << statistics.status();
  const inference::ModelStatistics& model = statistics->model_stats(0);
  EXPECT_EQ(model.inference_count(), 2u);
  EXPECT_GE(model.execution_count(), 1u);
  EXPECT_GT(model.last_inference(), 0u);
  const inference::InferStatistics& stats = model.inference_stats();
  EXPECT_EQ(stats.success().count(), 1u);
  EXPECT_EQ(stats.fail().count(), 1u);
  EXPECT_EQ(stats.success().ns(),
            stats.queue().ns() + stats.compute_input().ns() + stats.compute_infer().ns() + stats.compute_output().ns());
  request.set_name("nonesuch");
  EXPECT_EQ(ModelStatistics(puppet_.parts, request).status().code(), absl::StatusCode::kNotFound);
}

}  // namespace
}  // namespace roberta::transport
