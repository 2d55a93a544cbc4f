#pragma once

#include <memory>
#include <string>

#include "config/server_config.pb.h"
#include "server/request_log/request_log.h"

namespace roberta::app {

/// Writes spdlog's lines to stderr: as text, or as one JSON object per line (`time`, `level`, `message`). `format` and
/// `level` are values that config::ValidateConfig accepts.
void SetUpLogging(const std::string& format, const std::string& level);

/// A request log that writes to the same place as SetUpLogging, in the same format; in JSON its fields are members of
/// the object beside `time`, `level` and `message`. `config` is one that config::ValidateConfig accepts.
std::unique_ptr<request_log::RequestLog> MakeRequestLog(const config::Logging& config);

}  // namespace roberta::app
