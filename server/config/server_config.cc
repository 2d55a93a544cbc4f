#include "server/config/server_config.h"

#include <google/protobuf/io/tokenizer.h>
#include <google/protobuf/text_format.h>
#include <google/protobuf/util/json_util.h>

#include <filesystem>
#include <fstream>
#include <sstream>

#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "server/config/checks.h"
#include "server/config/pressure_entries.h"

namespace roberta::config {

namespace {

/// Keeps the first error of a text-proto, as "line:column: what".
class FirstError final : public google::protobuf::io::ErrorCollector {
 public:
  void AddError(int line, google::protobuf::io::ColumnNumber column, const std::string& message) override {
    if (text_.empty()) text_ = absl::StrCat(line + 1, ":", column + 1, ": ", message);
  }
  void AddWarning(int, google::protobuf::io::ColumnNumber, const std::string&) override {}
  const std::string& text() const { return text_; }

 private:
  std::string text_;
};

/// What a parser says, which may quote the input, as one line of printable characters.
std::string OneLine(const std::string& text) {
  return absl::StrReplaceAll(absl::CHexEscape(text), {{"\\n", " "}, {"\\\"", "\""}, {"\\'", "'"}});
}

}  // namespace

absl::StatusOr<ServerConfig> ParseConfig(std::string_view text, Format format, std::string_view file) {
  const std::string input(text), name(file);
  ServerConfig config;
  if (format == Format::kJson) {
    const auto status = google::protobuf::util::JsonStringToMessage(input, &config);
    if (!status.ok()) return absl::InvalidArgumentError(absl::StrCat(name, ": ", OneLine(status.message().ToString())));
    return config;
  }
  FirstError error;
  google::protobuf::TextFormat::Parser parser;
  parser.RecordErrorsTo(&error);
  if (!parser.ParseFromString(input, &config))
    return absl::InvalidArgumentError(absl::StrCat(name, ":", OneLine(error.text())));
  return config;
}

absl::StatusOr<ServerConfig> ReadConfigFile(const std::string& path) {
  std::error_code failure;
  const bool is_file = std::filesystem::is_regular_file(path, failure);
  std::ifstream file(path, std::ios::binary);
  if (!is_file || !file)
    return absl::NotFoundError(absl::StrCat(path, ": no such configuration file, or not readable"));
  std::ostringstream text;
  text << file.rdbuf();
  return ParseConfig(text.str(), absl::EndsWith(path, ".json") ? Format::kJson : Format::kTextProto, path);
}

void CompleteConfig(const Overrides& overrides, uint32_t usable_cores, const std::vector<KnownRecipe>& recipes,
                    ServerConfig* config) {
  Model& model = *config->mutable_model();
  if (overrides.model_directory) model.set_directory(*overrides.model_directory);
  if (model.name().empty()) {
    const std::filesystem::path path = std::filesystem::path(model.directory()).lexically_normal();
    model.set_name(path.has_filename() ? path.filename().string() : path.parent_path().filename().string());
  }

  Listen& listen = *config->mutable_listen();
  if (overrides.host || !listen.has_host()) listen.set_host(overrides.host.value_or("127.0.0.1"));
  if (overrides.port || !listen.has_port()) listen.set_port(overrides.port.value_or(8001));
  if (overrides.metrics_port || !listen.has_metrics_port()) {
    listen.set_metrics_port(overrides.metrics_port.value_or(8002));
  }

  CompleteProfiles(overrides.profiles, overrides.default_profile, recipes, config);

  Execution& execution = *config->mutable_execution();
  if (!execution.has_executors()) execution.set_executors(usable_cores);
  if (!execution.has_tokenizer_workers()) execution.set_tokenizer_workers(1);
  if (!execution.has_queue_capacity_calls()) execution.set_queue_capacity_calls(1024);
  if (!execution.has_max_batch_tokens()) execution.set_max_batch_tokens(2048);
  if (!execution.has_queue_capacity_items()) execution.set_queue_capacity_items(16384);
  if (!execution.has_queue_capacity_tokens()) execution.set_queue_capacity_tokens(1u << 20);
  if (!execution.has_predictive_admission()) execution.set_predictive_admission(true);
  if (!execution.has_split_lone_requests()) execution.set_split_lone_requests(false);
  if (!execution.has_long_item_tokens()) execution.set_long_item_tokens(192);

  Limits& limits = *config->mutable_limits();
  if (!limits.has_max_message_bytes()) limits.set_max_message_bytes(4u << 20);
  if (!limits.has_max_items_per_call()) limits.set_max_items_per_call(1024);
  if (!limits.has_max_item_characters()) limits.set_max_item_characters(100000);
  if (!limits.has_max_concurrent_streams()) limits.set_max_concurrent_streams(256);
  if (!limits.has_max_stream_items_in_flight()) limits.set_max_stream_items_in_flight(1024);

  Shutdown& shutdown = *config->mutable_shutdown();
  if (!shutdown.has_drain_delay_ms()) shutdown.set_drain_delay_ms(0);
  if (!shutdown.has_drain_timeout_ms()) shutdown.set_drain_timeout_ms(30000);

  Logging& logging = *config->mutable_logging();
  if (overrides.log_format || !logging.has_format()) logging.set_format(overrides.log_format.value_or("text"));
  if (overrides.log_level || !logging.has_level()) logging.set_level(overrides.log_level.value_or("info"));
  if (overrides.slow_request_ms || !logging.has_slow_request_ms()) {
    logging.set_slow_request_ms(overrides.slow_request_ms.value_or(5000));
  }
  if (overrides.log_requests || !logging.has_requests()) logging.set_requests(overrides.log_requests.value_or(false));

  CompleteBrownOut(config->mutable_brown_out());
  CompleteShadow(config->mutable_shadow());
}

absl::Status ValidateConfig(const ServerConfig& config, const std::vector<KnownRecipe>& recipes) {
  if (config.model().directory().empty()) {
    return absl::InvalidArgumentError("config: model.directory is empty; name a checkpoint directory (--model DIR)");
  }
  if (config.listen().host().empty()) return WrongValue("listen.host", "empty", "an address or a host name");
  const Execution& execution = config.execution();
  const Limits& limits = config.limits();
  const absl::Status checks[] = {
      CheckUtf8("model.directory", config.model().directory()),
      CheckUtf8("model.name", config.model().name()),
      CheckUtf8("model.sample_file", config.model().sample_file()),
      CheckUtf8("listen.host", config.listen().host()),
      CheckRange("listen.port", config.listen().port(), 0, 65535),
      CheckRange("listen.metrics_port", config.listen().metrics_port(), 0, 65535),
      CheckProfiles(config, recipes),
      CheckRange("execution.executors", execution.executors(), 1, 1024),
      CheckRange("execution.tokenizer_workers", execution.tokenizer_workers(), 1, 1024),
      CheckRange("execution.queue_capacity_calls", execution.queue_capacity_calls(), 1, 1u << 20),
      CheckRange("execution.max_batch_tokens", execution.max_batch_tokens(), 1, kMostBatchTokens),
      CheckRange("execution.queue_capacity_items", execution.queue_capacity_items(), 1, 1u << 24),
      CheckRange("execution.queue_capacity_tokens", execution.queue_capacity_tokens(), 1, 1u << 30),
      CheckRange("limits.max_message_bytes", limits.max_message_bytes(), 1024, 1u << 30),
      CheckRange("limits.max_items_per_call", limits.max_items_per_call(), 1, 1u << 20),
      CheckRange("limits.max_item_characters", limits.max_item_characters(), 1, 1u << 30),
      CheckRange("limits.max_concurrent_streams", limits.max_concurrent_streams(), 1, 1u << 20),
      CheckRange("limits.max_stream_items_in_flight", limits.max_stream_items_in_flight(), 1, 1u << 20),
      CheckRange("shutdown.drain_delay_ms", config.shutdown().drain_delay_ms(), 0, 3600 * 1000),
      CheckRange("shutdown.drain_timeout_ms", config.shutdown().drain_timeout_ms(), 0, 3600 * 1000),
      CheckOneOf("logging.format", config.logging().format(), {"text", "json"}),
      CheckOneOf("logging.level", config.logging().level(), {"trace", "debug", "info", "warn", "error"}),
      CheckRange("logging.slow_request_ms", config.logging().slow_request_ms(), 0, 3600 * 1000),
      CheckBrownOut(config),
      CheckShadow(config),
  };
  for (const absl::Status& check : checks) {
    if (!check.ok()) return check;
  }
  if (config.listen().port() != 0 && config.listen().port() == config.listen().metrics_port()) {
    return WrongValue("listen.metrics_port", absl::StrCat(config.listen().port()), "another one than listen.port");
  }
  return absl::OkStatus();
}

std::string PrintConfig(const ServerConfig& config, Format format) {
  std::string text;
  if (format == Format::kJson) {
    google::protobuf::util::JsonPrintOptions options;
    options.add_whitespace = true;
    options.preserve_proto_field_names = true;
    options.always_print_primitive_fields = true;
    if (google::protobuf::util::MessageToJsonString(config, &text, options).ok()) return text;
    return "{}\n";  // unreachable for a message without Any
  }
  google::protobuf::TextFormat::PrintToString(config, &text);
  return text;
}

}  // namespace roberta::config
