#pragma once

#include <CLI/CLI.hpp>

namespace roberta::tool {

/// Adds `convert --model DIR --out DIR2 [--dtype fp16|bf16|fp32] [--dense]`: the same checkpoint with weights of
/// another dtype, or, of a pruned one, as the dense model has it. When the subcommand has run, `*exit_code` is 0, or 1
/// where nothing was written.
void AddConvert(CLI::App* app, int* exit_code);

}  // namespace roberta::tool
