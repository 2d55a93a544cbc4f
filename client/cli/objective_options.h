#pragma once

#include <CLI/CLI.hpp>
#include <optional>

#include "roberta/v1/classifier.pb.h"

namespace roberta::cli {

/// Adds --min-accuracy, --min-agreement and --max-latency-ms to `command`. `*objective` is set if one of them is given;
/// it must outlive the command.
void AddObjectiveOptions(CLI::App* command, std::optional<v1::Objective>* objective);

}  // namespace roberta::cli
