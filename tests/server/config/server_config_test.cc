#include "server/config/server_config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>

#include "tests/test_paths.h"

namespace roberta::config {
namespace {

using ::testing::HasSubstr;

const std::vector<KnownRecipe> kKnown = {{"baseline", false},  {"quantized", false},
                                         {"pruned", true},     {"amp", false},
                                         {"integrated", true}, {"reference", false, false, false, true}};

ServerConfig Completed(const Overrides& overrides = {.model_directory = "models/demo/"}, ServerConfig config = {}) {
  CompleteConfig(overrides, 3, kKnown, &config);
  return config;
}

std::string ErrorWith(const std::function<void(ServerConfig&)>& change) {
  ServerConfig config = Completed();
  change(config);
  const absl::Status status = ValidateConfig(config, kKnown);
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  return std::string(status.message());
}

TEST(ParseConfig, ReadsTextProto) {
  const auto config = ParseConfig("model { directory: \"m\" } listen { port: 9 }", Format::kTextProto, "f");
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_EQ(config->model().directory(), "m");
  EXPECT_EQ(config->listen().port(), 9u);
}

TEST(ParseConfig, ReadsJson) {
  const auto config =
      ParseConfig(R"({"listen": {"metrics_port": 0}, "profiles": [{"name": "baseline"}]})", Format::kJson, "f");
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_TRUE(config->listen().has_metrics_port());
  EXPECT_EQ(config->profiles(0).name(), "baseline");
}

TEST(ParseConfig, PassesOverAByteOrderMarkCarriageReturnsAndEmptyLines) {
  const std::string mark = "\xEF\xBB\xBF";
  const std::pair<Format, std::string> texts[] = {
      {Format::kTextProto, "\r\n\r\nlisten {\r\n\r\n  port: 9  # a remark\r\n}\r\n\r\n"},
      {Format::kJson, "\r\n{\"listen\":\r\n\r\n{\"port\": 9}}\r\n\r\n"}};
  for (const auto& [format, text] : texts) {
    const auto config = ParseConfig(mark + text, format, "f");
    ASSERT_TRUE(config.ok()) << config.status();
    EXPECT_EQ(config->listen().port(), 9u);
  }
}

TEST(ParseConfig, NamesFilePlaceAndFieldOfAnUnknownTextProtoField) {
  const auto config = ParseConfig("model {\n  directroy: \"m\"\n}", Format::kTextProto, "server.textproto");
  EXPECT_EQ(config.status().code(), absl::StatusCode::kInvalidArgument);
  const std::string message(config.status().message());
  EXPECT_THAT(message, HasSubstr("server.textproto:2:"));
  EXPECT_THAT(message, HasSubstr("directroy"));
}

TEST(ParseConfig, NamesFileAndFieldOfAnUnknownJsonField) {
  const auto config = ParseConfig(R"({"modle": {}})", Format::kJson, "server.json");
  const std::string message(config.status().message());
  EXPECT_THAT(message, HasSubstr("server.json"));
  EXPECT_THAT(message, HasSubstr("modle"));
}

TEST(ParseConfig, RefusesAValueOfTheWrongType) {
  EXPECT_FALSE(ParseConfig("listen { port: \"x\" }", Format::kTextProto, "f").ok());
  EXPECT_FALSE(ParseConfig(R"({"listen": {"port": -1}})", Format::kJson, "f").ok());
}

TEST(ReadConfigFile, NamesAFileThatIsNotThere) {
  const auto config = ReadConfigFile("/nonexistent/server.json");
  EXPECT_EQ(config.status().code(), absl::StatusCode::kNotFound);
  EXPECT_THAT(std::string(config.status().message()), HasSubstr("/nonexistent/server.json"));
}

TEST(ReadConfigFile, RefusesADirectory) {
  EXPECT_EQ(ReadConfigFile(test_paths::InRepository("tests")).status().code(), absl::StatusCode::kNotFound);
}

TEST(CompleteConfig, FillsInEveryDefaultToAValidConfig) {
  const ServerConfig config = Completed();
  EXPECT_TRUE(ValidateConfig(config, kKnown).ok()) << ValidateConfig(config, kKnown);
  EXPECT_EQ(config.listen().host(), "127.0.0.1");
  EXPECT_EQ(config.listen().port(), 8001u);
  EXPECT_EQ(config.listen().metrics_port(), 8002u);
  EXPECT_EQ(config.listen().http_port(), 8000u);
  EXPECT_TRUE(config.listen().http());
  EXPECT_EQ(config.default_profile(), "baseline");
  EXPECT_EQ(config.execution().executors(), 3u);
  EXPECT_TRUE(config.execution().predictive_admission());
  EXPECT_TRUE(config.execution().split_lone_requests());
  EXPECT_EQ(config.execution().long_item_tokens(), 192u);
  EXPECT_EQ(config.limits().stream_write_timeout_ms(), 30000u);
  EXPECT_EQ(config.limits().max_metadata_bytes(), 32768u);
  EXPECT_EQ(config.limits().min_ping_interval_ms(), 5000u);
}

TEST(CompleteConfig, SplitsLoneRequestsUnlessTheFileSaysNo) {
  ServerConfig file;
  file.mutable_execution()->set_split_lone_requests(false);
  EXPECT_FALSE(Completed({.model_directory = "m"}, file).execution().split_lone_requests());
}

TEST(CompleteConfig, WhereCallersAreKnownOneHasHalfAndNobodyARate) {
  EXPECT_EQ(Completed().limits().max_caller_share(), 1);
  EXPECT_EQ(Completed().limits().caller_items_per_second(), 0u);
  ServerConfig file;
  file.mutable_access()->set_credentials_file("callers");
  EXPECT_EQ(Completed({.model_directory = "m"}, file).limits().max_caller_share(), 0.5);
  file.mutable_limits()->set_max_caller_share(0.25);
  EXPECT_EQ(Completed({.model_directory = "m"}, file).limits().max_caller_share(), 0.25);
}

TEST(ValidateConfig, RefusesAShareOfNothing) {
  for (const double share : {0.0, 1.5}) {
    ServerConfig file;
    file.mutable_limits()->set_max_caller_share(share);
    const absl::Status status = ValidateConfig(Completed({.model_directory = "m"}, file), kKnown);
    EXPECT_THAT(std::string(status.message()), HasSubstr("limits.max_caller_share"));
  }
}

TEST(CompleteConfig, LogsSlowCallsAndNoOthersUnlessTold) {
  EXPECT_EQ(Completed().logging().slow_request_ms(), 5000u);
  EXPECT_FALSE(Completed().logging().requests());
  ServerConfig file;
  file.mutable_logging()->set_slow_request_ms(0);
  file.mutable_logging()->set_requests(true);
  EXPECT_EQ(Completed({.model_directory = "m"}, file).logging().slow_request_ms(), 0u);
  EXPECT_TRUE(Completed({.model_directory = "m"}, file).logging().requests());
  const ServerConfig overridden =
      Completed({.model_directory = "m", .slow_request_ms = 200, .log_requests = false}, file);
  EXPECT_EQ(overridden.logging().slow_request_ms(), 200u);
  EXPECT_FALSE(overridden.logging().requests());
}

TEST(CompleteConfig, NamesTheModelAfterItsDirectory) {
  EXPECT_EQ(Completed({.model_directory = "models/demo/"}).model().name(), "demo");
  EXPECT_EQ(Completed({.model_directory = "demo"}).model().name(), "demo");
}

TEST(CompleteConfig, OverridesWinOverTheFile) {
  ServerConfig file;
  file.mutable_listen()->set_port(1);
  file.add_profiles()->set_name("baseline");
  const ServerConfig config =
      Completed({.model_directory = "m", .port = 2, .profiles = {"quantized"}, .log_level = "debug"}, file);
  EXPECT_EQ(config.listen().port(), 2u);
  ASSERT_EQ(config.profiles_size(), 2);
  EXPECT_FALSE(config.profiles(0).load());
  EXPECT_EQ(config.profiles(1).name(), "quantized");
  EXPECT_TRUE(config.profiles(1).load());
  EXPECT_EQ(config.default_profile(), "quantized");
  EXPECT_EQ(config.logging().level(), "debug");
}

TEST(CompleteConfig, KeepsWhatTheFileSaysEvenIfItIsZero) {
  ServerConfig file;
  file.mutable_listen()->set_port(0);
  file.mutable_execution()->set_predictive_admission(false);
  EXPECT_EQ(Completed({.model_directory = "m"}, file).listen().port(), 0u);
  EXPECT_FALSE(Completed({.model_directory = "m"}, file).execution().predictive_admission());
}

TEST(ValidateConfig, AsksForAModel) {
  EXPECT_THAT(ErrorWith([](ServerConfig& c) { c.mutable_model()->clear_directory(); }), HasSubstr("model.directory"));
}

TEST(ValidateConfig, NamesFieldAndValueThatAreOutOfRange) {
  EXPECT_THAT(ErrorWith([](ServerConfig& c) { c.mutable_listen()->set_port(70000); }),
              HasSubstr("listen.port is 70000; it must be between 0 and 65535"));
  EXPECT_THAT(ErrorWith([](ServerConfig& c) { c.mutable_execution()->set_executors(0); }),
              HasSubstr("execution.executors is 0"));
  EXPECT_THAT(ErrorWith([](ServerConfig& c) { c.mutable_execution()->set_queue_capacity_items(0); }),
              HasSubstr("execution.queue_capacity_items is 0"));
  EXPECT_THAT(ErrorWith([](ServerConfig& c) { c.mutable_execution()->set_queue_capacity_tokens(0); }),
              HasSubstr("execution.queue_capacity_tokens is 0"));
  EXPECT_THAT(ErrorWith([](ServerConfig& c) { c.mutable_logging()->set_slow_request_ms(3600001); }),
              HasSubstr("logging.slow_request_ms is 3600001; it must be between 0 and 3600000"));
}

TEST(ValidateConfig, RefusesWhatIsNotUtf8) {
  EXPECT_THAT(ErrorWith([](ServerConfig& c) { c.mutable_model()->set_directory("a\xFF"); }),
              HasSubstr("model.directory is \"a\\xff\"; it must be UTF-8"));
}

TEST(ParseConfig, ErrorsAreOneLine) {
  const auto json = ParseConfig("{\n\"model\": {\n\"x\": }\n}", Format::kJson, "file.json");
  EXPECT_THAT(std::string(json.status().message()), ::testing::Not(HasSubstr("\n")));
  const auto text = ParseConfig("model { directory: \"a\nb\" }", Format::kTextProto, "file");
  EXPECT_THAT(std::string(text.status().message()), ::testing::Not(HasSubstr("\n")));
}

TEST(ValidateConfig, RefusesOnePortForTwo) {
  EXPECT_THAT(ErrorWith([](ServerConfig& c) { c.mutable_listen()->set_metrics_port(8001); }),
              HasSubstr("listen.metrics_port"));
  for (const uint32_t port : {8001u, 8002u}) {
    EXPECT_THAT(ErrorWith([port](ServerConfig& c) { c.mutable_listen()->set_http_port(port); }),
                HasSubstr("listen.http_port"));
  }
}

TEST(PrintConfig, ReadsBackToTheSame) {
  const ServerConfig config = Completed();
  for (const Format format : {Format::kTextProto, Format::kJson}) {
    const auto again = ParseConfig(PrintConfig(config, format), format, "printed");
    ASSERT_TRUE(again.ok()) << again.status();
    EXPECT_EQ(again->SerializeAsString(), config.SerializeAsString());
  }
}

}  // namespace
}  // namespace roberta::config
