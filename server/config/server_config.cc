#include "server/config/server_config.h"

#include <google/protobuf/io/tokenizer.h>
#include <google/protobuf/text_format.h>
#include <google/protobuf/util/json_util.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <set>
#include <sstream>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "profiles/errors/errors.h"
#include "server/config/checks.h"
#include "server/config/security_entries.h"

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

constexpr uint32_t kMany = 1u << 20;
constexpr uint32_t kHourMs = 3600 * 1000;
/// What keeps an executor busy from one connection: the texts of a batch that is computed, and of the next one. What a
/// client has beyond that waits there, where it costs the server nothing and ends with its deadline.
constexpr uint32_t kStreamsOfExecutor = 128, kMostStreams = 1024;

struct NumberField {
  const char* path;
  std::optional<uint32_t> usual;  ///< the default; nothing: what is not set stays so
  uint32_t lowest, highest;
};

constexpr NumberField kNumbers[] = {
    {"listen.port", 8001, 0, 65535},
    {"listen.metrics_port", 8002, 0, 65535},
    {"listen.http_port", 8000, 0, 65535},
    {"listen.agent_port", 0, 0, 65535},
    {"execution.executors", 1, 1, 1024},
    {"execution.tokenizer_workers", 1, 1, 1024},
    {"execution.queue_capacity_calls", 1024, 1, kMany},
    {"execution.max_batch_tokens", std::nullopt, 1, kMostBatchTokens},  // see MaxBatchTokens
    {"execution.queue_capacity_items", 16384, 1, 1u << 24},
    {"execution.queue_capacity_tokens", 1u << 20, 1, 1u << 30},
    {"execution.long_item_tokens", 192, 0, UINT32_MAX},
    {"limits.max_message_bytes", 4u << 20, 1024, 1u << 30},
    {"limits.max_items_per_call", 1024, 1, kMany},
    {"limits.max_item_characters", 100000, 1, 1u << 30},
    {"limits.max_concurrent_streams", kMostStreams, 1, kMany},
    {"limits.max_stream_items_in_flight", 1024, 1, kMany},
    {"limits.stream_write_timeout_ms", 30000, 1, kHourMs},
    {"limits.max_metadata_bytes", 32u << 10, 1024, 1u << 20},
    {"limits.min_ping_interval_ms", 5000, 1, kHourMs},
    {"limits.max_connections", 16384, 1, kMany},
    {"limits.max_connections_per_peer", 4096, 0, kMany},
    {"limits.max_connection_idle_ms", 1800 * 1000, 0, INT32_MAX},
    {"limits.max_connection_age_ms", 0, 0, INT32_MAX},
    {"limits.max_connection_age_grace_ms", 0, 0, INT32_MAX},
    {"limits.handshake_timeout_ms", 10000, 1, kHourMs},
    {"limits.request_timeout_ms", 60000, 1, kHourMs},
    {"limits.max_resets_per_second", 1000, 0, kMany},
    {"limits.reset_pause_ms", 1000, 0, 60 * 1000},
    {"limits.max_unfinished_header_bytes", 1u << 20, 0, UINT32_MAX},
    {"limits.caller_items_per_second", 0, 0, 1u << 30},
    {"limits.max_parked_refusals", 8192, 0, kMany},
    {"limits.max_buffered_bytes", 512u << 20, 16u << 20, UINT32_MAX},
    {"memory.limit_mib", 0, 0, 1u << 24},
    {"memory.check_interval_ms", 200, 10, kHourMs},
    {"shutdown.drain_delay_ms", 0, 0, kHourMs},
    {"shutdown.drain_timeout_ms", 30000, 0, kHourMs},
    {"logging.slow_request_ms", 5000, 0, kHourMs},
    {"brown_out.step_down_at_ms", 500, 1, kHourMs},
    {"brown_out.step_down_after_ms", 1000, 1, kHourMs},
    {"brown_out.step_up_at_ms", 100, 0, kHourMs},
    {"brown_out.step_up_after_ms", 10000, 1, kHourMs},
    {"shadow.max_items_in_flight", 1024, 1, kMany},
    {"tls.reload_interval_ms", 1000, 10, kHourMs},
    {"access.failure_delay_ms", 250, 0, 10000},
    {"access.max_delayed_failures", 256, 0, kMany},
    {"load_reports.least_interval_ms", 1000, 200, kHourMs},
    {"load_reports.max_streams", 256, 0, kMany},
};

/// Fields that are true or false, with their defaults.
constexpr std::pair<const char*, bool> kSwitches[] = {{"execution.predictive_admission", true},
                                                      {"execution.split_lone_requests", true},
                                                      {"logging.requests", false},
                                                      {"brown_out.enabled", false},
                                                      {"listen.allow_insecure", false},
                                                      {"tls.require_client_certificate", false},
                                                      {"load_reports.always", false}};

/// A field of one of the entries of a config: "listen.port".
struct Field {
  Field(ServerConfig* config, const char* path) {
    const std::pair<std::string, std::string> names = absl::StrSplit(path, '.');
    entry = config->GetReflection()->MutableMessage(config, config->GetDescriptor()->FindFieldByName(names.first));
    field = entry->GetDescriptor()->FindFieldByName(names.second);
  }
  bool is_set() const { return entry->GetReflection()->HasField(*entry, field); }

  google::protobuf::Message* entry;
  const google::protobuf::FieldDescriptor* field;
};

absl::Status CheckNumbers(ServerConfig config) {
  for (const NumberField& row : kNumbers) {
    const Field at(&config, row.path);
    if (!row.usual && !at.is_set()) continue;
    const uint32_t value = at.entry->GetReflection()->GetUInt32(*at.entry, at.field);
    RETURN_IF_ERROR(CheckRange(row.path, value, row.lowest, row.highest));
  }
  return absl::OkStatus();
}

std::vector<std::string> ProfileNames(const ServerConfig& config) {
  std::vector<std::string> names;
  for (const Profile& profile : config.profiles()) names.push_back(profile.name());
  return names;
}

absl::Status CheckBrownOut(const ServerConfig& config) {
  const BrownOut& brown_out = config.brown_out();
  if (brown_out.enabled() && brown_out.ladder().empty()) {
    return WrongValue("brown_out.ladder", "empty", "at least one profile, or brown_out.enabled false");
  }
  std::set<std::string> seen;
  for (int i = 0; i < brown_out.ladder_size(); ++i) {
    const std::string field = absl::StrCat("brown_out.ladder[", i, "]");
    const std::string& name = brown_out.ladder(i);
    RETURN_IF_ERROR(CheckOneOf(field, name, ProfileNames(config)));
    if (!seen.insert(name).second) return WrongValue(field, absl::StrCat(Shown(name), " again"), "named once");
  }
  if (brown_out.step_up_at_ms() >= brown_out.step_down_at_ms()) {
    return WrongValue("brown_out.step_up_at_ms", absl::StrCat(brown_out.step_up_at_ms()),
                      absl::StrCat("less than step_down_at_ms, ", brown_out.step_down_at_ms()));
  }
  if (brown_out.step_up_after_ms() < brown_out.step_down_after_ms()) {
    return WrongValue("brown_out.step_up_after_ms", absl::StrCat(brown_out.step_up_after_ms()),
                      absl::StrCat("at least step_down_after_ms, ", brown_out.step_down_after_ms()));
  }
  return absl::OkStatus();
}

absl::Status CheckPortsDiffer(const Listen& listen) {
  if (listen.port() != 0 && listen.port() == listen.metrics_port()) {
    return WrongValue("listen.metrics_port", absl::StrCat(listen.port()), "another one than listen.port");
  }
  const bool same = listen.http_port() == listen.port() || listen.http_port() == listen.metrics_port();
  if (listen.http() && listen.http_port() != 0 && same) {
    return WrongValue("listen.http_port", absl::StrCat(listen.http_port()),
                      "another one than listen.port and listen.metrics_port");
  }
  const uint32_t agent = listen.agent_port();
  const bool taken =
      agent == listen.port() || agent == listen.metrics_port() || (listen.http() && agent == listen.http_port());
  if (agent != 0 && taken) {
    return WrongValue("listen.agent_port", absl::StrCat(agent), "another one than the other ports");
  }
  return absl::OkStatus();
}

absl::Status CheckShadow(const ServerConfig& config) {
  const Shadow& shadow = config.shadow();
  RETURN_IF_ERROR(CheckNumber("shadow.fraction", shadow.fraction(), 0, 1));
  const bool named = !shadow.profile().empty() || shadow.fraction() > 0;
  return named ? CheckOneOf("shadow.profile", shadow.profile(), ProfileNames(config)) : absl::OkStatus();
}

}  // namespace

absl::StatusOr<ServerConfig> ParseConfig(std::string_view text, Format format, std::string_view file) {
  const std::string input(absl::StripPrefix(absl::string_view(text.data(), text.size()), "\xEF\xBB\xBF"));
  const std::string name(file);
  ServerConfig config;
  if (format == Format::kJson) {
    const auto status = google::protobuf::util::JsonStringToMessage(input, &config);
    if (!status.ok()) return errors::InvalidArgument(name, ": ", OneLine(status.message().ToString()));
    return config;
  }
  FirstError error;
  google::protobuf::TextFormat::Parser parser;
  parser.RecordErrorsTo(&error);
  if (!parser.ParseFromString(input, &config)) return errors::InvalidArgument(name, ":", OneLine(error.text()));
  return config;
}

absl::StatusOr<ServerConfig> ReadConfigFile(const std::string& path) {
  std::error_code failure;
  const bool is_file = std::filesystem::is_regular_file(path, failure);
  std::ifstream file(path, std::ios::binary);
  if (!is_file || !file) return errors::NotFound(path, ": no such configuration file, or not readable");
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
  if (overrides.port) listen.set_port(*overrides.port);
  if (overrides.metrics_port) listen.set_metrics_port(*overrides.metrics_port);
  if (overrides.unix_socket) listen.set_unix_socket(*overrides.unix_socket);
  if (overrides.http_port) listen.set_http_port(*overrides.http_port);
  if (overrides.http || !listen.has_http()) listen.set_http(overrides.http.value_or(IsLoopbackHost(listen.host())));

  CompleteProfiles(overrides.profiles, overrides.default_profile, recipes, config);

  Execution& execution = *config->mutable_execution();
  if (!execution.has_executors()) execution.set_executors(usable_cores);
  Limits& limits = *config->mutable_limits();
  if (!limits.has_max_concurrent_streams()) {
    limits.set_max_concurrent_streams(std::min(kStreamsOfExecutor * execution.executors(), kMostStreams));
  }

  Logging& logging = *config->mutable_logging();
  if (overrides.log_format || !logging.has_format()) logging.set_format(overrides.log_format.value_or("text"));
  if (overrides.log_level || !logging.has_level()) logging.set_level(overrides.log_level.value_or("info"));
  if (overrides.slow_request_ms) logging.set_slow_request_ms(*overrides.slow_request_ms);
  if (overrides.log_requests) logging.set_requests(*overrides.log_requests);

  Tls& tls = *config->mutable_tls();
  if (overrides.tls_certificate) tls.set_certificate_file(*overrides.tls_certificate);
  if (overrides.tls_key) tls.set_key_file(*overrides.tls_key);
  if (overrides.tls_client_ca) tls.set_client_ca_file(*overrides.tls_client_ca);
  Access& access = *config->mutable_access();
  if (overrides.credentials_file) access.set_credentials_file(*overrides.credentials_file);
  if (overrides.anonymous_role) access.set_anonymous_role(*overrides.anonymous_role);
  if (overrides.allow_insecure) listen.set_allow_insecure(*overrides.allow_insecure);
  CompleteSecurity(config);

  // Without credentials all callers are one.
  if (!limits.has_max_caller_share()) {
    limits.set_max_caller_share(config->access().credentials_file().empty() ? 1 : 0.5);
  }
  Memory& memory = *config->mutable_memory();
  if (!memory.has_unload_at()) memory.set_unload_at(0.9);
  if (!memory.has_refuse_at()) memory.set_refuse_at(std::max(0.95, memory.unload_at()));
  if (!config->shadow().has_fraction()) config->mutable_shadow()->set_fraction(0);
  for (const NumberField& row : kNumbers) {
    const Field at(config, row.path);
    if (row.usual && !at.is_set()) at.entry->GetReflection()->SetUInt32(at.entry, at.field, *row.usual);
  }
  for (const auto& [path, usual] : kSwitches) {
    const Field at(config, path);
    if (!at.is_set()) at.entry->GetReflection()->SetBool(at.entry, at.field, usual);
  }
}

uint32_t MaxBatchTokens(const Execution& execution) {
  constexpr uint32_t kUsual = 2048;
  return execution.has_max_batch_tokens() ? execution.max_batch_tokens() : kUsual;
}

absl::Status ValidateConfig(const ServerConfig& config, const std::vector<KnownRecipe>& recipes) {
  if (config.model().directory().empty()) {
    return absl::InvalidArgumentError("config: model.directory is empty; name a checkpoint directory (--model DIR)");
  }
  if (config.listen().host().empty()) return WrongValue("listen.host", "empty", "an address or a host name");
  const absl::Status checks[] = {
      CheckUtf8("model.directory", config.model().directory()),
      CheckUtf8("model.name", config.model().name()),
      CheckUtf8("model.sample_file", config.model().sample_file()),
      CheckUtf8("listen.host", config.listen().host()),
      CheckUtf8("listen.unix_socket", config.listen().unix_socket()),
      CheckProfiles(config, recipes),
      CheckNumbers(config),
      CheckOneOf("logging.format", config.logging().format(), {"text", "json"}),
      CheckOneOf("logging.level", config.logging().level(), {"trace", "debug", "info", "warn", "error"}),
      CheckBrownOut(config),
      CheckShadow(config),
      CheckNumber("limits.max_caller_share", config.limits().max_caller_share(), 0.001, 1),
      CheckNumber("memory.unload_at", config.memory().unload_at(), 0.1, 1),
      CheckNumber("memory.refuse_at", config.memory().refuse_at(), config.memory().unload_at(), 1),
      CheckSecurity(config),
  };
  for (const absl::Status& check : checks) RETURN_IF_ERROR(check);
  return CheckPortsDiffer(config.listen());
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
