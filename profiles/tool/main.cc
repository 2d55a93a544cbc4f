#include <CLI/CLI.hpp>

#include "profiles/terminal/terminal.h"
#include "profiles/tool/command.h"

namespace {

int Run(int argc, char** argv) {
  CLI::App app("Works on RoBERTa checkpoints, offline.", "roberta-model");
  app.footer(
      R"(Exit codes: 0 all is well, 1 something is wrong with the checkpoint or an input, 2 wrong usage.

Examples:
  roberta-model inspect models/demo-sst2
  echo '{"text": "A fine film."}' | roberta-model tokenize --model models/demo-sst2
  roberta-model calibrate --model my-model --data texts.tsv
  roberta-model convert --model my-model --out my-model-bf16 --dtype bf16

See roberta-model SUBCOMMAND --help for its options.)");
  int exit_code = 0;
  roberta::tool::AddInspect(&app, &exit_code);
  roberta::tool::AddTokenize(&app, &exit_code);
  roberta::tool::AddPrune(&app, &exit_code);
  roberta::tool::AddCalibrate(&app, &exit_code);
  roberta::tool::AddConvert(&app, &exit_code);
  roberta::tool::AddEvaluate(&app, &exit_code);
  roberta::tool::AddMeasure(&app, &exit_code);
  roberta::tool::AddInit(&app, &exit_code);
  return roberta::terminal::RunSubcommand(&app, {argv + 1, argv + argc}, &exit_code);
}

}  // namespace

int main(int argc, char** argv) {
  return roberta::terminal::RunProgram("roberta-model", [&] { return Run(argc, argv); });
}
