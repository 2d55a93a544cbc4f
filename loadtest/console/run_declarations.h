#pragma once

#include "loadtest/console/run_options.h"

namespace CLI {
class App;
}

namespace roberta::console {

// Options that `run` and `suite` share, or that are many.

void DeclareDeadline(CLI::App* command, RunOptions* options);
/// How a single run goes.
void DeclareLoad(CLI::App* command, RunOptions* options);
/// What is sent.
void DeclareTexts(CLI::App* command, RunOptions* options);

}  // namespace roberta::console
