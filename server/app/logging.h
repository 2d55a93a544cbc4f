#pragma once

#include <string>

namespace roberta::app {

/// Sends spdlog's lines to stderr: as text, or as one JSON object a line (`time`, `level`, `message`). `format` and
/// `level` are values that config::ValidateConfig accepts.
void SetUpLogging(const std::string& format, const std::string& level);

}  // namespace roberta::app
