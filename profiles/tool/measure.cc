#include "profiles/tool/command.h"

#include <algorithm>
#include <optional>

#include "absl/strings/str_format.h"
#include "profiles/errors/errors.h"
#include "profiles/registry/profile_loader.h"
#include "profiles/registry/recipes.h"
#include "profiles/statistics/statistics.h"
#include "profiles/terminal/terminal.h"
#include "profiles/tool/measurement.h"

namespace roberta::tool {
namespace {

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
struct Measured {
  std::string revision;
  quality::TokenizedSample texts;
  size_t skipped_rows = 0;
  std::vector<Measurement> measurements;  ///< first those that the others are compared with
  std::vector<std::string> compared_with;
};

/// Puts the names of the profiles that the others are compared with into `compared_with`. Returns them, asked for or
/// not, and then the others.
std::vector<std::string> NamesToMeasure(const ProfileFlags& flags, std::vector<std::string>* compared_with) {
  std::vector<std::string> names = {"reference", registry::kBaseline};
  const size_t first_of_others = names.size();
  for (const std::string& name : flags.Names()) {
    if (std::ranges::find(names, name) == names.end()) names.push_back(name);
  }
  const size_t others = names.size() - first_of_others;
  names = flags.WithoutMissingModules(std::move(names));
  compared_with->assign(names.begin(), names.end() - static_cast<std::ptrdiff_t>(others));
  return names;
}

absl::StatusOr<Measured> MeasureAll(const MeasureOptions& options) {
  Measured measured;
  ASSIGN_OR_RETURN(const auto model, registry::OpenModel(options.model));
  measured.revision = model.checkpoint->revision();
  const checkpoint::ModelConfig& config = model.checkpoint->config();
  ASSIGN_OR_RETURN(auto data, ReadExamples(options.examples, config, /*with_labels=*/false));
  measured.skipped_rows = data.bad_rows;
  quality::Sample& sample = data.sample;
  sample.resize(std::min(sample.size(), options.texts.value_or(sample.size())));
  ASSIGN_OR_RETURN(measured.texts, quality::Tokenize(sample, *model.tokenizer, config));
  const std::vector<std::string> names = NamesToMeasure(options.profiles, &measured.compared_with);
  terminal::ProgressBar progress(stderr);
  measured.measurements =
      Measure(model, measured.texts, names, {.rounds = options.rounds, .threads = options.profiles.threads},
              registry::BuiltInRecipes(), &progress);
  return measured;
}

std::string JsonReport(const MeasureOptions& options, const Measured& measured) {
  const Json report = {
      {"model", options.model},
      {"revision", measured.revision},
      {"data", options.examples.file},
      {"texts", measured.texts.lengths.size()},
      {"tokens", measured.texts.token_ids.size()},
      {"skipped_rows", measured.skipped_rows},
      {"truncated_texts", measured.texts.truncated},
      {"threads", options.profiles.threads},
      {"rounds", options.rounds},
      {"interval",
       {{"of", "median, by order statistics"}, {"coverage", statistics::CoverageOfInterval(options.rounds)}}},
      {"profiles", ToJson(measured.measurements, measured.compared_with)}};
  return JsonText(report);
}

std::string TextReport(const MeasureOptions& options, const Measured& measured) {
  const quality::TokenizedSample& texts = measured.texts;
  std::string text = absl::StrFormat(
      "%s on %s texts of %s, %.1f tokens on average", options.model, terminal::WithSeparators(texts.lengths.size()),
      options.examples.file, static_cast<double>(texts.token_ids.size()) / static_cast<double>(texts.lengths.size()));
  if (texts.truncated > 0) absl::StrAppend(&text, ", ", texts.truncated, " cut to the model's longest input");
  absl::StrAppendFormat(&text, "; threads: %d, rounds: %d (median, and its %.1f %% interval)\n\n",
                        options.profiles.threads, options.rounds, 100 * statistics::CoverageOfInterval(options.rounds));
  return text + MeasurementText(measured.measurements, measured.compared_with);
}

absl::StatusOr<Report> RunMeasure(const MeasureOptions& options) {
  ASSIGN_OR_RETURN(const auto measured, MeasureAll(options));
  return Report{.text = options.json ? JsonReport(options, measured) : TextReport(options, measured),
                .all_well = std::ranges::all_of(
                    measured.measurements, [](const Measurement& measurement) { return measurement.status.ok(); })};
}

void DeclareMeasureOptions(CLI::App* command, MeasureOptions* options) {
  AddModelOption(command, &options->model);
  AddExampleFlags(command, "Texts like those to be served: .tsv, .csv or .jsonl", &options->examples);
  command->add_option("--texts", options->texts, "Only the first N of them (all)")
      ->check(CLI::PositiveNumber.description(""))
      ->type_name("N");
  AddProfileFlags(command, &options->profiles);
  AddNumber(command, "--rounds", "Rounds", size_t{1}, kMostRounds, &options->rounds);
  AddJsonFlag(command, &options->json);
  command->footer(absl::StrCat(
      R"(All profiles are loaded, and every round runs each: latency over the texts one at a time on one thread, then
throughput of all texts in batches on all threads, without tokenizing. Reported is the median of the rounds, and
in brackets an interval that holds the true median (order statistics; 95 % from 6 rounds on). A speedup is the
median of the rounds' ratios to reference, the model before any optimization, and to baseline; these two always
run too (reference where LibTorch is installed). Sizes are the files of weights that a profile was made of, the memory its weights take, and by how much
the process grew when it was loaded and run; what several share is counted for the first of them. All profiles are
in memory at once. Only figures of one run on an idle machine compare.

)",
      ExampleFormatsHelp(),
      R"(Labels are passed over.

Examples:
  roberta-model measure --model models/demo-sst2 --data models/demo-sst2/sample.tsv
  roberta-model measure --model my-model --data texts.jsonl --texts 200 --profiles quantized,integrated
  roberta-model measure --model my-model --data texts.csv --rounds 15 --json > speed.json)"));
}

}  // namespace

void AddMeasure(CLI::App* app, int* exit_code) {
  AddCommand(app, exit_code, "measure", "Measures how fast and how large every profile is on this host",
             DeclareMeasureOptions, RunMeasure);
}

}  // namespace roberta::tool
