#include "server/app/logging.h"

#include <spdlog/pattern_formatter.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include <cstdio>
#include <utility>

namespace roberta::app {
namespace {

/// The message as the inside of a JSON string.
class JsonMessage final : public spdlog::custom_flag_formatter {
 public:
  void format(const spdlog::details::log_msg& message, const std::tm&, spdlog::memory_buf_t& out) override {
    for (const char c : message.payload) {
      const auto byte = static_cast<unsigned char>(c);
      if (c == '"' || c == '\\') {
        out.push_back('\\');
        out.push_back(c);
      } else if (byte < 0x20) {
        char escape[8];
        const int length = std::snprintf(escape, sizeof escape, "\\u%04x", static_cast<unsigned>(byte));
        out.append(escape, escape + length);
      } else {
        out.push_back(c);
      }
    }
  }
  std::unique_ptr<custom_flag_formatter> clone() const override { return std::make_unique<JsonMessage>(); }
};

/// A logger to stderr whose lines have that `pattern`; `%*` is JsonMessage.
std::shared_ptr<spdlog::logger> LoggerTo(const char* name, const std::string& pattern, const std::string& level) {
  auto logger = std::make_shared<spdlog::logger>(name, std::make_shared<spdlog::sinks::stderr_sink_mt>());
  auto formatter = std::make_unique<spdlog::pattern_formatter>(spdlog::pattern_time_type::utc);
  formatter->add_flag<JsonMessage>('*').set_pattern(pattern);
  logger->set_formatter(std::move(formatter));
  logger->set_level(spdlog::level::from_str(level));
  logger->flush_on(spdlog::level::trace);
  return logger;
}

/// [request_log::Level]
constexpr spdlog::level::level_enum kLevels[] = {spdlog::level::info, spdlog::level::warn, spdlog::level::err};

request_log::Level LowestLevel(const std::string& level) {
  if (level == "error") return request_log::Level::kError;
  return level == "warn" ? request_log::Level::kWarn : request_log::Level::kInfo;
}

constexpr char kTextPattern[] = "%Y-%m-%dT%H:%M:%S.%eZ %l %v";

}  // namespace

void SetUpLogging(const std::string& format, const std::string& level) {
  spdlog::set_default_logger(LoggerTo(
      "roberta-server",
      format == "json" ? R"({"time":"%Y-%m-%dT%H:%M:%S.%eZ","level":"%l","message":"%*"})" : kTextPattern, level));
}

std::unique_ptr<request_log::RequestLog> MakeRequestLog(const config::Logging& config) {
  const bool json = config.format() == "json";
  auto logger =
      LoggerTo("requests", json ? R"({"time":"%Y-%m-%dT%H:%M:%S.%eZ","level":"%l",%v})" : kTextPattern, config.level());
  request_log::RequestLog::Options options;
  options.every_call = config.requests();
  if (config.slow_request_ms() > 0) options.slow_ns = int64_t{config.slow_request_ms()} * 1'000'000;
  options.format = json ? request_log::Format::kJson : request_log::Format::kText;
  options.lowest = LowestLevel(config.level());
  return std::make_unique<request_log::RequestLog>(
      options, [logger = std::move(logger)](request_log::Level level, std::string_view line) {
        logger->log(kLevels[static_cast<size_t>(level)], spdlog::string_view_t(line.data(), line.size()));
      });
}

}  // namespace roberta::app
