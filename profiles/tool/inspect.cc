#include "profiles/tool/inspect.h"

#include <cstdio>
#include <memory>
#include <string>

#include "profiles/tool/findings.h"
#include "profiles/tool/inspect_report.h"
#include "profiles/tool/line_output.h"

namespace roberta::tool {
namespace {

struct InspectOptions {
  std::string directory;
  bool json = false;
};

int Inspect(const InspectOptions& options) {
  const Findings findings = Examine(options.directory);
  LineOutput output(stdout);
  const bool written = output.Write(options.json ? InspectJson(findings) : InspectText(findings)) && output.Flush();
  output.ReportFailure();
  return written && findings.problems.empty() ? 0 : 1;
}

}  // namespace

void AddInspect(CLI::App* app, int* exit_code) {
  auto options = std::make_shared<InspectOptions>();
  CLI::App* command = app->add_subcommand("inspect", "Tells what a checkpoint is, or all that is wrong with it");
  command->add_option("DIR", options->directory, "Checkpoint directory as Hugging Face saves it")->required();
  command->add_flag("--json", options->json, "Report as JSON");
  command->footer(
      "Reads config.json, the weights (every name and shape is checked) and the vocabulary; and, where they are "
      "there,\n"
      "pruning.json, calibration.safetensors and the pruned variant DIR/pruned. Exit code 1 if anything is wrong with "
      "them;\n"
      "all of it is listed.\n\n"
      "MACs are multiply-accumulates of the encoder as if each layer were computed for every token. Weights in memory "
      "are\n"
      "computed from shapes, without what this host's kernels pad; of a dense model that has no pruned variant, pruned "
      "and\n"
      "integrated are weighed as they cut it at load.\n\n"
      "Examples:\n"
      "  roberta-model inspect models/demo-sst2\n"
      "  roberta-model inspect --json models/demo-sst2");
  command->callback([options, exit_code] { *exit_code = Inspect(*options); });
}

}  // namespace roberta::tool
