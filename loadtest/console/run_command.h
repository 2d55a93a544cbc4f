#pragma once

namespace CLI {
class App;
}

namespace roberta::loadtest::console {

/// Adds `run` to `app`; parsing it runs it and sets `*exit_code`.
void AddRunCommand(CLI::App* app, int* exit_code);

}  // namespace roberta::loadtest::console
