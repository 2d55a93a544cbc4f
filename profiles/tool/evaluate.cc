#include "profiles/tool/evaluate.h"

#include <algorithm>
#include <cstdio>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "profiles/quality/sample_run.h"
#include "profiles/registry/model.h"
#include "profiles/registry/recipes.h"
#include "profiles/terminal/progress.h"
#include "profiles/tool/evaluation.h"
#include "profiles/tool/evaluation_report.h"
#include "profiles/tool/example_flags.h"
#include "profiles/tool/failure.h"
#include "profiles/tool/line_output.h"
#include "profiles/tool/output_file.h"
#include "profiles/tool/profile_flags.h"

namespace roberta::tool {
namespace {

using Json = nlohmann::ordered_json;

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
struct Findings {
  registry::Model model;
  quality::Data data;
  size_t truncated = 0;
  Evaluations evaluations;
};

absl::StatusOr<Findings> Examine(const EvaluateOptions& options) {
  Findings findings;
  auto model = registry::OpenModel(options.model);
  if (!model.ok()) return model.status();
  findings.model = *std::move(model);
  const checkpoint::ModelConfig& config = findings.model.checkpoint->config();
  const bool has_labels = quality::AgreementOf(config) == quality::Agreement::kSameLabel;
  auto data = ReadExamples(options.examples, config, has_labels);
  if (!data.ok()) return data.status();
  findings.data = *std::move(data);
  const quality::Sample& sample = findings.data.sample;
  const auto tokenized = quality::Tokenize(sample, *findings.model.tokenizer, static_cast<size_t>(config.max_tokens()));
  if (!tokenized.ok()) return tokenized.status();
  findings.truncated = tokenized->truncated;
  terminal::ProgressBar progress(stderr);
  findings.evaluations = Evaluate(findings.model, sample, *tokenized, options.profiles.Names(),
                                  options.profiles.threads, registry::BuiltInRecipes(), &progress);
  return findings;
}

std::string JsonReport(const EvaluateOptions& options, const Findings& findings) {
  Json report = {{"model", options.model},
                 {"revision", findings.model.checkpoint->revision()},
                 {"labels", findings.model.checkpoint->config().labels},
                 {"data", options.examples.file},
                 {"examples", findings.data.sample.size()},
                 {"skipped_rows", findings.data.bad_rows},
                 {"truncated_texts", findings.truncated},
                 {"profiles", Json::array()}};
  for (const Evaluation& evaluation : findings.evaluations.profiles) report["profiles"].push_back(ToJson(evaluation));
  return report.dump(2, ' ', false, Json::error_handler_t::replace);
}

std::string TextReport(const EvaluateOptions& options, const Findings& findings) {
  const quality::Sample& sample = findings.data.sample;
  std::string text = absl::StrCat(options.model, " on ", terminal::WithSeparators(sample.size()), " texts of ",
                                  options.examples.file, sample.front().label ? "" : ", without labels");
  if (findings.truncated > 0) absl::StrAppend(&text, ", ", findings.truncated, " cut to the model's longest input");
  absl::StrAppend(&text, "\n\n",
                  EvaluationText(findings.evaluations.profiles, findings.model.checkpoint->config().labels));
  text.pop_back();  // LineOutput ends the line
  return text;
}

std::string Report(const EvaluateOptions& options, const Findings& findings) {
  if (options.json) return JsonReport(options, findings);
  if (!options.csv_to_output()) return TextReport(options, findings);
  std::string csv = EvaluationCsv(findings.evaluations.profiles);
  csv.pop_back();
  return csv;
}

int Run(const EvaluateOptions& options) {
  if (options.csv_to_file()) {
    const absl::Status status = CheckOutputFile(options.csv);
    if (!status.ok()) return Fail(status);
  }
  const absl::StatusOr<Findings> findings = Examine(options);
  if (!findings.ok()) return Fail(findings.status());
  const Evaluations& evaluations = findings->evaluations;
  if (options.csv_to_file()) {
    const absl::Status status = WriteOutputFile(options.csv, EvaluationCsv(evaluations.profiles));
    if (!status.ok()) return Fail(status);
  }
  LineOutput output(stdout);
  const bool written = output.Write(Report(options, *findings)) && output.Flush();
  output.ReportFailure();
  if (!evaluations.baseline.ok()) {
    return Fail(absl::StrCat("baseline, which profiles are compared with: ", evaluations.baseline.message()));
  }
  const bool all_ran = std::all_of(evaluations.profiles.begin(), evaluations.profiles.end(),
                                   [](const Evaluation& evaluation) { return evaluation.status.ok(); });
  return written && all_ran ? 0 : 1;
}

}  // namespace

void AddEvaluate(CLI::App* app, int* exit_code) {
  auto options = std::make_shared<EvaluateOptions>();
  CLI::App* command = app->add_subcommand("evaluate", "Tells what every profile costs in quality, on texts of yours");
  command->add_option("--model", options->model, "Checkpoint directory")->required()->type_name("DIR");
  AddExampleFlags(command, "Texts, best with labels: .tsv, .csv or .jsonl", &options->examples);
  AddProfileFlags(command, &options->profiles);
  CLI::Option* csv = command
                         ->add_option("--csv", options->csv,
                                      "Also write a line for each profile; - is standard "
                                      "output, in place of the table")
                         ->type_name("FILE");
  command->add_flag("--json", options->json, "Report as JSON");
  command->footer(absl::StrCat(
      "Every profile is loaded as the server loads it, runs all texts in batches and each alone, and is compared with\n"
      "baseline. None is refused: gate says whether the server would. Columns, under their names in --json and --csv:\n"
      "  accuracy, macro_f1, ece    share of right labels, mean F1 of the labels, expected calibration error (15\n"
      "                             bins); only with labels\n"
      "  agreement                  share of texts with baseline's answer\n"
      "  flips                      texts whose answer alone differs from that in a batch\n"
      "  mean_abs_dp, max_abs_dp    difference of a score from baseline's\n"
      "  confusion                  examples by true label (rows) and answered label\n"
      "  accuracy_difference, accuracy_difference_low, accuracy_difference_high\n"
      "                             accuracy minus baseline's on the same texts, and the limits of its 95 % "
      "confidence\n"
      "                             interval (Tango's score interval, which inverts McNemar's test); only with labels\n"
      "A profile that cannot be loaded or run is told with its reason, the others go on, and the exit code is 1.\n\n",
      ExampleFormatsHelp(),
      "Labels are of use for models that give a text one of several labels; for others they are passed over.\n\n"
      "Examples:\n"
      "  roberta-model evaluate --model models/demo-sst2 --data models/demo-sst2/sample.tsv\n"
      "  roberta-model evaluate --model my-model --data dev.jsonl --profiles quantized,amp --json\n"
      "  roberta-model evaluate --model my-model --data dev.csv --skip-bad-rows --csv quality.csv"));
  command->callback([options, exit_code, csv] {
    if (csv->count() > 0 && options->csv.empty()) throw CLI::ValidationError("--csv", "wants a file or -");
    if (options->json && options->csv_to_output()) {
      throw CLI::ValidationError("--csv", "- and --json both want standard output");
    }
    *exit_code = Run(*options);
  });
}

}  // namespace roberta::tool
