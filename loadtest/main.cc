#include <CLI/CLI.hpp>
#include <cstdlib>

#include "loadtest/console/commands.h"
#include "loadtest/console/output.h"
#include "profiles/terminal/terminal.h"

namespace {

int Run(int argc, char** argv) {
  using namespace roberta::loadtest::console;
  setenv("GRPC_VERBOSITY", "NONE", 0);  // this program reports each failure once
  CLI::App app("Measures a roberta-server under load.", "roberta-loadtest");
  app.footer(
      "\nExit codes: 0 measured, 1 something failed, 2 wrong usage, 3 the server cannot be reached or was lost, 4 "
      "measured but\n"
      "invalid, because this program was the bottleneck, 130 stopped by Ctrl-C (results until then are still "
      "written).\n\n"
      "Examples:\n"
      "  roberta-loadtest run --concurrency 16 --duration 30 --json run.json\n"
      "  roberta-loadtest report run.json --out report.pdf\n"
      "  roberta-loadtest suite --spawn models/demo-sst2 --out results\n\n"
      "roberta-loadtest run --help says more.");
  int exit_code = kValid;
  AddRunCommand(&app, &exit_code);
  AddReportCommand(&app, &exit_code);
  AddSuiteCommand(&app, &exit_code);
  return roberta::terminal::RunSubcommand(&app, {argv + 1, argv + argc}, &exit_code);
}

}  // namespace

int main(int argc, char** argv) {
  return roberta::terminal::RunProgram("roberta-loadtest", [&] { return Run(argc, argv); });
}
