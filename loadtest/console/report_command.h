#pragma once

namespace CLI {
class App;
}

namespace roberta::console {

/// Adds `report` to `app`; parsing it runs it and sets `*exit_code`.
void AddReportCommand(CLI::App* app, int* exit_code);

}  // namespace roberta::console
