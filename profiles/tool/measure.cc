#include "profiles/tool/measure.h"

#include <algorithm>
#include <cstdio>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "profiles/quality/sample_run.h"
#include "profiles/registry/model.h"
#include "profiles/registry/recipes.h"
#include "profiles/terminal/progress.h"
#include "profiles/tool/example_flags.h"
#include "profiles/tool/failure.h"
#include "profiles/tool/line_output.h"
#include "profiles/tool/measurement.h"
#include "profiles/tool/measurement_report.h"
#include "profiles/tool/order_statistics.h"
#include "profiles/tool/profile_flags.h"

namespace roberta::tool {
namespace {

using Json = nlohmann::ordered_json;

constexpr size_t kMostRounds = 1000;

struct MeasureOptions {
  std::string model;
  ExampleFlags examples;
  std::optional<size_t> texts;
  ProfileFlags profiles;
  size_t rounds = MeasureSettings().rounds;
  bool json = false;
};

/// What a report is made of.
struct Findings {
  std::string revision;
  quality::TokenizedSample texts;
  size_t skipped_rows = 0;
  std::vector<Measurement> measurements;
};

/// What the others are compared with, as far as it was built in.
std::vector<std::string> BeforeNames() {
  std::vector<std::string> names;
  for (const char* name : {"reference", registry::kBaseline}) {
    if (registry::FindRecipe(registry::BuiltInRecipes(), name) != nullptr) names.emplace_back(name);
  }
  return names;
}

/// First those that the others are compared with, asked for or not.
std::vector<std::string> NamesToMeasure(const ProfileFlags& flags) {
  std::vector<std::string> names = BeforeNames();
  for (const std::string& name : flags.Names()) {
    if (std::find(names.begin(), names.end(), name) == names.end()) names.push_back(name);
  }
  return names;
}

absl::StatusOr<Findings> Examine(const MeasureOptions& options) {
  Findings findings;
  const auto model = registry::OpenModel(options.model);
  if (!model.ok()) return model.status();
  findings.revision = model->checkpoint->revision();
  const checkpoint::ModelConfig& config = model->checkpoint->config();
  auto data = ReadExamples(options.examples, config, /*read_labels=*/false);
  if (!data.ok()) return data.status();
  findings.skipped_rows = data->bad_rows;
  quality::Sample& sample = data->sample;
  sample.resize(std::min(sample.size(), options.texts.value_or(sample.size())));
  auto texts = quality::Tokenize(sample, *model->tokenizer, static_cast<size_t>(config.max_tokens()));
  if (!texts.ok()) return texts.status();
  findings.texts = *std::move(texts);
  terminal::ProgressBar progress(stderr);
  findings.measurements =
      Measure(*model, findings.texts, NamesToMeasure(options.profiles),
              {.rounds = options.rounds, .threads = options.profiles.threads}, registry::BuiltInRecipes(), &progress);
  return findings;
}

std::string JsonReport(const MeasureOptions& options, const Findings& findings) {
  const Json report = {
      {"model", options.model},
      {"revision", findings.revision},
      {"data", options.examples.file},
      {"texts", findings.texts.lengths.size()},
      {"tokens", findings.texts.token_ids.size()},
      {"skipped_rows", findings.skipped_rows},
      {"truncated_texts", findings.texts.truncated},
      {"threads", options.profiles.threads},
      {"rounds", options.rounds},
      {"interval", {{"of", "median, by order statistics"}, {"coverage", CoverageOfInterval(options.rounds)}}},
      {"profiles", ToJson(findings.measurements, BeforeNames())}};
  return report.dump(2, ' ', false, Json::error_handler_t::replace);
}

std::string TextReport(const MeasureOptions& options, const Findings& findings) {
  const quality::TokenizedSample& texts = findings.texts;
  std::string text = absl::StrFormat(
      "%s on %s texts of %s, %.1f tokens on average", options.model, terminal::WithSeparators(texts.lengths.size()),
      options.examples.file, static_cast<double>(texts.token_ids.size()) / static_cast<double>(texts.lengths.size()));
  if (texts.truncated > 0) absl::StrAppend(&text, ", ", texts.truncated, " cut to the model's longest input");
  absl::StrAppendFormat(&text, "; threads: %d, rounds: %d (median, and its %.1f %% interval)\n\n",
                        options.profiles.threads, options.rounds, 100 * CoverageOfInterval(options.rounds));
  text += MeasurementText(findings.measurements, BeforeNames());
  text.pop_back();  // LineOutput ends the line
  return text;
}

int Run(const MeasureOptions& options) {
  const absl::StatusOr<Findings> findings = Examine(options);
  if (!findings.ok()) return Fail(findings.status());
  LineOutput output(stdout);
  const bool written =
      output.Write(options.json ? JsonReport(options, *findings) : TextReport(options, *findings)) && output.Flush();
  output.ReportFailure();
  const bool all_ran = std::all_of(findings->measurements.begin(), findings->measurements.end(),
                                   [](const Measurement& measurement) { return measurement.status.ok(); });
  return written && all_ran ? 0 : 1;
}

}  // namespace

void AddMeasure(CLI::App* app, int* exit_code) {
  auto options = std::make_shared<MeasureOptions>();
  CLI::App* command = app->add_subcommand("measure", "Measures how fast and how large every profile is on this host");
  command->add_option("--model", options->model, "Checkpoint directory")->required()->type_name("DIR");
  AddExampleFlags(command, "Texts like those to be served: .tsv, .csv or .jsonl", &options->examples);
  command->add_option("--texts", options->texts, "Only the first N of them (all)")
      ->check(CLI::PositiveNumber.description(""))
      ->type_name("N");
  AddProfileFlags(command, &options->profiles);
  command->add_option("--rounds", options->rounds, absl::StrCat("Rounds (", options->rounds, ")"))
      ->check(CLI::Range(size_t{1}, kMostRounds).description(""))
      ->type_name("N");
  command->add_flag("--json", options->json, "Report as JSON");
  command->footer(absl::StrCat(
      "All profiles are loaded, and every round runs each: latency over the texts one at a time on one thread, then\n"
      "throughput of all texts in batches on all threads, without tokenising. Reported is the median of the rounds, "
      "and\n"
      "in brackets an interval that holds the true median (order statistics; 95 % from 6 rounds on). A speedup is the\n"
      "median of the rounds' ratios to reference, the model before any optimization, and to baseline; these two "
      "always\n"
      "run too. Sizes are the files of weights that a profile was made of, the memory its weights take, and by how "
      "much\n"
      "the process grew when it was loaded and run; what several share is counted for the first of them. All profiles "
      "are\n"
      "in memory at once. Only figures of one run on an idle machine compare.\n\n",
      ExampleFormatsHelp(),
      "Labels are passed over.\n\n"
      "Examples:\n"
      "  roberta-model measure --model models/demo-sst2 --data models/demo-sst2/sample.tsv\n"
      "  roberta-model measure --model my-model --data texts.jsonl --texts 200 --profiles quantized,integrated\n"
      "  roberta-model measure --model my-model --data texts.csv --rounds 15 --json > speed.json"));
  command->callback([options, exit_code] { *exit_code = Run(*options); });
}

}  // namespace roberta::tool
