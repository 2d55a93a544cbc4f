#include "profiles/tool/command.h"

#include <algorithm>

#include "profiles/errors/errors.h"
#include "profiles/registry/profile_loader.h"
#include "profiles/registry/recipes.h"
#include "profiles/terminal/terminal.h"
#include "profiles/tool/evaluation.h"

namespace roberta::tool {
namespace {

constexpr char kStandardOutput[] = "-";

struct EvaluateOptions {
  std::string model;
  ExampleFlags examples;
  ProfileFlags profiles;
  std::string csv;  ///< file; empty: none
  bool json = false;

  bool csv_to_output() const { return csv == kStandardOutput; }
  bool csv_to_file() const { return !csv.empty() && !csv_to_output(); }
};

/// What a report is made of.
struct Evaluated {
  registry::Model model;
  quality::Data data;
  size_t truncated = 0;
  Evaluations evaluations;
};

absl::StatusOr<Evaluated> EvaluateAll(const EvaluateOptions& options) {
  Evaluated evaluated;
  ASSIGN_OR_RETURN(evaluated.model, registry::OpenModel(options.model));
  const checkpoint::ModelConfig& config = evaluated.model.checkpoint->config();
  ASSIGN_OR_RETURN(evaluated.data, ReadExamples(options.examples, config, /*with_labels=*/true));
  const quality::Sample& sample = evaluated.data.sample;
  ASSIGN_OR_RETURN(const auto tokenized, quality::Tokenize(sample, *evaluated.model.tokenizer, config));
  evaluated.truncated = tokenized.truncated;
  const std::vector<std::string> names = options.profiles.WithoutMissingModules(options.profiles.Names());
  terminal::ProgressBar progress(stderr);
  evaluated.evaluations = Evaluate(evaluated.model, sample, tokenized, names, options.profiles.threads,
                                   registry::BuiltInRecipes(), &progress);
  return evaluated;
}

std::string JsonReport(const EvaluateOptions& options, const Evaluated& evaluated) {
  Json report = {{"model", options.model},
                 {"revision", evaluated.model.checkpoint->revision()},
                 {"labels", evaluated.model.checkpoint->config().labels},
                 {"data", options.examples.file},
                 {"examples", evaluated.data.sample.size()},
                 {"skipped_rows", evaluated.data.bad_rows},
                 {"truncated_texts", evaluated.truncated},
                 {"profiles", Json::array()}};
  for (const Evaluation& evaluation : evaluated.evaluations.profiles) report["profiles"].push_back(ToJson(evaluation));
  return JsonText(report);
}

std::string TextReport(const EvaluateOptions& options, const Evaluated& evaluated) {
  const quality::Sample& sample = evaluated.data.sample;
  std::string text = absl::StrCat(options.model, " on ", terminal::WithSeparators(sample.size()), " texts of ",
                                  options.examples.file, quality::HasLabels(sample) ? "" : ", without labels");
  if (evaluated.truncated > 0) absl::StrAppend(&text, ", ", evaluated.truncated, " cut to the model's longest input");
  absl::StrAppend(&text, "\n\n",
                  EvaluationText(evaluated.evaluations.profiles, evaluated.model.checkpoint->config().labels));
  return text;
}

std::string ReportText(const EvaluateOptions& options, const Evaluated& evaluated) {
  if (options.json) return JsonReport(options, evaluated);
  return options.csv_to_output() ? EvaluationCsv(evaluated.evaluations.profiles) : TextReport(options, evaluated);
}

absl::StatusOr<Report> RunEvaluate(const EvaluateOptions& options) {
  if (options.json && options.csv_to_output()) {
    throw CLI::ValidationError("--csv", "- and --json both write to standard output");
  }
  if (options.csv_to_file()) {
    RETURN_IF_ERROR(CheckOutputFile(options.csv));
  }
  ASSIGN_OR_RETURN(const auto evaluated, EvaluateAll(options));
  const std::vector<Evaluation>& profiles = evaluated.evaluations.profiles;
  if (options.csv_to_file()) {
    RETURN_IF_ERROR(WriteOutputFile(options.csv, EvaluationCsv(profiles)));
  }
  Report report = {
      .text = ReportText(options, evaluated),
      .all_well = std::ranges::all_of(profiles, [](const Evaluation& evaluation) { return evaluation.status.ok(); })};
  if (const absl::Status& status = evaluated.evaluations.baseline; !status.ok()) {
    report.failure =
        absl::Status(status.code(), absl::StrCat("baseline, which profiles are compared with: ", status.message()));
  }
  return report;
}

void DeclareEvaluateOptions(CLI::App* command, EvaluateOptions* options) {
  AddModelOption(command, &options->model);
  AddExampleFlags(command, "Texts, best with labels: .tsv, .csv or .jsonl", &options->examples);
  AddProfileFlags(command, &options->profiles);
  command
      ->add_option("--csv", options->csv,
                   "Also write a line for each profile; - is standard output, in place of the table")
      ->check([](const std::string& file) { return file.empty() ? "needs a file or -" : ""; }, "")
      ->type_name("FILE");
  AddJsonFlag(command, &options->json);
  command->footer(absl::StrCat(
      R"(Every profile is loaded as the server loads it, runs all texts in batches and each alone, and is compared with
baseline. None is refused: gate says whether the server would. Columns, under their names in --json and --csv:
  accuracy, macro_f1, ece    share of right labels, mean F1 of the labels, expected calibration error (15
                             bins); only with labels
  agreement                  share of texts with baseline's answer
  flips                      texts whose answer alone differs from that in a batch
  mean_abs_dp, max_abs_dp    difference of a score from baseline's
  confusion                  examples by true label (rows) and answered label
  accuracy_difference, accuracy_difference_low, accuracy_difference_high
                             accuracy minus baseline's on the same texts, and the limits of its 95 % confidence
                             interval (Tango's score interval, which inverts McNemar's test); only with labels
A profile that cannot be loaded or run is listed with its reason, the others go on, and the exit code is 1.

)",
      ExampleFormatsHelp(),
      R"(Labels are of use for models that give a text one of several labels; for others they are passed over.

Examples:
  roberta-model evaluate --model models/demo-sst2 --data models/demo-sst2/sample.tsv
  roberta-model evaluate --model my-model --data dev.jsonl --profiles quantized,amp --json
  roberta-model evaluate --model my-model --data dev.csv --skip-bad-rows --csv quality.csv)"));
}

}  // namespace

void AddEvaluate(CLI::App* app, int* exit_code) {
  AddCommand(app, exit_code, "evaluate", "Shows what every profile costs in quality, on texts of yours",
             DeclareEvaluateOptions, RunEvaluate);
}

}  // namespace roberta::tool
