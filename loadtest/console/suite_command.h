#pragma once

namespace CLI {
class App;
}

namespace roberta::loadtest::console {

/// Adds `suite`, which measures all profiles and ways of data loading and writes six reports.
void AddSuiteCommand(CLI::App* app, int* exit_code);

}  // namespace roberta::loadtest::console
