#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "config/server_config.pb.h"
#include "server/config/profile_entries.h"

namespace roberta::config {

/// Reads a ServerConfig file: JSON if its name ends in .json, else text-proto. NotFound if it cannot be read;
/// InvalidArgument names the file, the place and the field: unknown fields and wrong types are errors.
absl::StatusOr<ServerConfig> ReadConfigFile(const std::string& path);

enum class Format { kTextProto, kJson };

/// As ReadConfigFile, from memory; `file` is the name in errors.
absl::StatusOr<ServerConfig> ParseConfig(std::string_view text, Format format, std::string_view file);

/// What flags and environment variables override.
struct Overrides {
  std::optional<std::string> model_directory;
  std::optional<std::string> host;
  std::optional<uint32_t> port;
  std::optional<uint32_t> metrics_port;
  std::optional<uint32_t> http_port;
  std::optional<bool> http;
  std::optional<std::string> unix_socket;
  std::vector<std::string> profiles;  ///< to load, see CompleteProfiles; empty: not overridden
  std::optional<std::string> default_profile;
  std::optional<std::string> log_format;
  std::optional<std::string> log_level;
  std::optional<uint32_t> slow_request_ms;
  std::optional<bool> log_requests;
  std::optional<std::string> tls_certificate;
  std::optional<std::string> tls_key;
  std::optional<std::string> tls_client_ca;
  std::optional<std::string> credentials_file;
  std::optional<std::string> anonymous_role;
  std::optional<bool> allow_insecure;
};

/// Overrides single fields, then gives every field that is still unset its default, but for max_batch_tokens.
/// `usable_cores` is the default number of executors; `recipes` are the profiles of a config that has none.
void CompleteConfig(const Overrides& overrides, uint32_t usable_cores, const std::vector<KnownRecipe>& recipes,
                    ServerConfig* config);

/// The most tokens of a batch. Where the config does not set them, it is for the server to find a size below that is
/// efficient: that is why a completed config still says whether they were set.
uint32_t MaxBatchTokens(const Execution& execution);

/// Checks a completed config. InvalidArgument names the first field and value that is wrong. `recipes` are those that a
/// profile may have.
absl::Status ValidateConfig(const ServerConfig& config, const std::vector<KnownRecipe>& recipes);

/// Text-proto (or JSON) that reads back to the same config.
std::string PrintConfig(const ServerConfig& config, Format format);

}  // namespace roberta::config
