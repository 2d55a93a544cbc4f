#pragma once

#include <memory>
#include <string>

#include "config/server_config.pb.h"
#include "server/request_log/request_log.h"

namespace roberta::app {

/// Sends spdlog's lines to stderr: as text, or as one JSON object a line (`time`, `level`, `message`). `format` and
/// `level` are values that config::ValidateConfig accepts.
void SetUpLogging(const std::string& format, const std::string& level);

/// A request log whose lines stand among those of SetUpLogging, in the same form; in JSON what a line tells are fields
/// of the object beside `time`, `level` and `message`. `config` is one that config::ValidateConfig accepts.
std::unique_ptr<request_log::RequestLog> MakeRequestLog(const config::Logging& config);

}  // namespace roberta::app
