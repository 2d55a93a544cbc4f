#pragma once

#include <CLI/CLI.hpp>

namespace roberta::tool {

/// Adds `tokenize --model DIR [FILE|-]`: texts in, token ids out, both JSON lines. When the subcommand has run,
/// `*exit_code` is 0 if every line was tokenised and written, else 1.
void AddTokenize(CLI::App* app, int* exit_code);

}  // namespace roberta::tool
