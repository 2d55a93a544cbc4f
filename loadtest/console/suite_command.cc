#include "loadtest/console/commands.h"

#include <sched.h>

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <utility>

#include "absl/strings/str_join.h"
#include "loadtest/console/output.h"
#include "loadtest/console/session.h"
#include "loadtest/record/figures.h"
#include "profiles/errors/errors.h"

namespace roberta::loadtest::console {

namespace {

using record::kReady;

constexpr double kManyUsers = 128;  // several batches of short texts wait
constexpr char kUsual[] = "packed";

/// A way of data loading: how the server's config has it, and how reports call it.
struct Loading {
  std::string name;  ///< of its profile
  std::string config;
  std::vector<std::string> variants;
};

std::vector<Loading> Loadings() {
  return {{kUsual, "max_batch_tokens: 2048", {"strategy packed", "token budget 2048", "prefetch off"}},
          {"bucketed", "strategy: \"bucketed\" max_batch_tokens: 2048", {"strategy bucketed"}},
          {"padded", "strategy: \"padded\" max_batch_tokens: 2048", {"strategy padded"}},
          {"budget-512", "max_batch_tokens: 512", {"token budget 512"}},
          {"budget-8192", "max_batch_tokens: 8192", {"token budget 8192"}},
          {"prefetch", "prefetch: true max_batch_tokens: 2048", {"prefetch on"}}};
}

std::string ProfileConfig(const Loading& loading, const std::string& recipe) {
  // What is compared is the same recipe throughout: it has passed its gate already.
  return absl::StrCat("profiles { name: \"", loading.name, "\" recipe: \"", recipe,
                      "\" gate { min_agreement: 0 } data_loading { ", loading.config, " } }\n");
}

/// The runs of a stage but for its profiles and its server.
RunOptions Runs(const SuiteOptions& options, std::vector<double> users) {
  RunOptions run = options.run;
  run.concurrency = std::move(users);
  run.turns = options.quick ? 2 : 3;
  run.duration_seconds = options.quick ? 1 : 5;
  run.warm_up_until_steady = true;
  return run;
}

Stage WorkersStage(const SuiteOptions& options, const std::string& recipe, int workers) {
  Stage stage = {.title = absl::StrCat("tokenizer workers ", workers), .run = Runs(options, {kManyUsers})};
  absl::StrAppend(&stage.run.server.config, "\nexecution { tokenizer_workers: ", workers, " }\n",
                  ProfileConfig(Loadings().front(), recipe));
  stage.run.profiles = {kUsual};
  stage.run.no_quality = true;
  stage.meanings[kUsual] = {recipe, {stage.title}};
  return stage;
}

/// What a suite has so far.
struct Progress {
  record::Series series;
  record::ServerDescription server;  ///< of the comparison
  size_t runs_later = 0;             ///< of the stages after the one under way
  int exit_code = kValid;
};

/// Cores that this program may use, in ascending order.
std::vector<int> UsableCores() {
  cpu_set_t set;
  std::vector<int> cores;
  if (sched_getaffinity(0, sizeof(set), &set) != 0) return cores;
  for (int core = 0; core < CPU_SETSIZE; ++core) {
    if (CPU_ISSET(core, &set)) cores.push_back(core);
  }
  return cores;
}

/// Gives a server that this program starts all cores but one, and this program that one, so that neither disturbs the
/// other.
void TakeCores(ServerOptions* server) {
  if (server->spawn.empty() || !server->cpus.empty()) return;
  const CoreSplit split = SplitCores(UsableCores());
  if (split.client < 0) return;
  cpu_set_t own;
  CPU_ZERO(&own);
  CPU_SET(split.client, &own);
  if (sched_setaffinity(0, sizeof(own), &own) == 0) server->cpus = split.server;
}

/// Measures a stage and adds it to `progress`. False if the suite must end, with the exit code.
bool Run(const Stage& stage, Progress* progress) {
  const auto fail = [&](int exit_code) {
    progress->exit_code = exit_code;
    return false;
  };
  const RunOptions& options = stage.run;
  auto classes = ClassesOf(options);
  if (!classes.ok()) return fail(Complain(classes.status()));
  const auto session = Session::Open(options, &progress->exit_code);
  if (session == nullptr) return false;
  if (progress->server.profiles.empty()) progress->server = session->server();
  const auto measured = session->Measure(options, *std::move(classes), stage.title, progress->runs_later);
  if (absl::IsCancelled(measured.status())) return fail(kInterrupted);
  if (!measured.ok()) return fail(ComplainOfServer(session->target(), measured.status()));
  for (record::RunRecord& run : InTermsOf(stage, measured->series.runs))
    progress->series.runs.push_back(std::move(run));
  if (measured->end == runner::End::kServerLost) return fail(Complain(session->WhyLost(), kServerUnreachable));
  if (measured->end == runner::End::kStopped) return fail(kInterrupted);
  if (!measured->faults.empty()) progress->exit_code = kInvalid;
  return true;
}

void RunStages(const SuiteOptions& options, Progress* progress) {
  const bool own_server = !options.run.server.spawn.empty();
  const auto runs_of = [](const std::vector<Stage>& stages) {
    size_t runs = 0;
    for (const Stage& stage : stages) runs += RunsOf(stage, 0);
    return runs;
  };
  if (own_server) progress->runs_later = runs_of(LoadingStages(options, ""));
  if (!Run(ComparisonStage(options), progress) || !own_server) return;
  const std::string recipe = RecipeForLoading(progress->server);
  std::vector<Stage> stages = LoadingStages(options, recipe);
  while (!stages.empty()) {
    const Stage stage = std::move(stages.front());
    stages.erase(stages.begin());
    progress->runs_later = runs_of(stages);
    if (!Run(stage, progress)) return;
  }
}

/// The comparison in short, and what was written.
void Print(const SuiteOptions& options, const record::Series& series) {
  std::vector<record::RunRecord> compared;
  for (const record::RunRecord& run : series.runs) {
    if (run.settings.variant.empty()) compared.push_back(run);
  }
  std::printf("%s\nwritten to %s: summary.pdf, five reports, suite.json and suite.csv\n", SeriesText(compared).c_str(),
              options.out.c_str());
}

int Suite(SuiteOptions options) {
  // Before minutes of measuring, not after them.
  if (absl::Status ready = CheckReportRequirements(); !ready.ok()) return Complain(ready);
  auto config = ConfigText(options.run.server.config);
  if (!config.ok()) return Complain(config.status());
  options.run.server.config = *std::move(config);
  std::error_code error;
  if (options.run.file.empty() && !options.run.server.spawn.empty()) {
    const std::string sample = options.run.server.spawn + "/sample.tsv";
    if (std::filesystem::exists(sample, error)) options.run.file = sample;
  }
  std::filesystem::create_directories(options.out, error);
  if (error) return Complain(absl::StrCat(options.out, ": cannot make the directory: ", error.message()));
  Output json, csv;
  absl::Status status = json.Open(options.out + "/suite.json");
  status.Update(csv.Open(options.out + "/suite.csv"));
  if (!status.ok()) return Complain(status);
  TakeCores(&options.run.server);

  terminal::CatchStopSignals();
  Progress progress;
  RunStages(options, &progress);
  if (progress.series.runs.empty()) {
    if (progress.exit_code == kInterrupted) return Complain("stopped before anything was measured", kInterrupted);
    return progress.exit_code;
  }
  for (const record::RunRecord& run : progress.series.runs) status.Update(run.result.CheckBooks());
  status.Update(json.Write(record::ToJson(progress.series)));
  status.Update(csv.Write(record::ToCsv(progress.series.runs)));
  status.Update(WriteSuiteReports(progress.series, options.out));
  if (!status.ok()) return Complain(status);
  Print(options, progress.series);
  return progress.exit_code;
}

constexpr char kSuiteFooter[] = R"(
Measures every READY profile of the server from one user to many. Profiles take turns, so that changes on the host
affect all of them alike. With --spawn it then compares ways of data loading on servers that it starts: padded,
bucketed and packed batches, batch sizes, prefetch and tokenizer workers. Writes summary.pdf, which says which
profile to run and why; quantization_performance.pdf, pruning_performance.pdf, mixed_precision_performance.pdf,
data_loading_efficiency.pdf and integrated_optimization.pdf; suite.csv; and suite.json, from which `report --suite`
makes the PDFs again. If there are several cores, a server that it starts gets all but one, and this program that
one. After Ctrl-C it writes the results so far; the reports are then marked partial. Needs gnuplot and a font.

Examples:
  roberta-loadtest suite --spawn models/demo-sst2 --out results
  roberta-loadtest suite --spawn my-model --file reviews.tsv --out results
  roberta-loadtest suite --target 10.0.0.5:8001 --file reviews.tsv --quick)";

}  // namespace

Stage ComparisonStage(const SuiteOptions& options) {
  Stage stage = {.title = "profiles",
                 .run = Runs(options, options.quick ? std::vector<double>{1, 16} : std::vector<double>{1, 4, 16, 64})};
  stage.run.profiles = {"all"};
  return stage;
}

std::vector<Stage> LoadingStages(const SuiteOptions& options, const std::string& recipe) {
  Stage stage = {.title = "data loading", .run = Runs(options, {kManyUsers})};
  stage.run.profiles.clear();
  stage.run.no_quality = true;  // results do not depend on it
  absl::StrAppend(&stage.run.server.config, "\n");
  for (const Loading& loading : Loadings()) {
    stage.run.server.config += ProfileConfig(loading, recipe);
    stage.run.profiles.push_back(loading.name);
    stage.meanings[loading.name] = {recipe, loading.variants};
  }
  return {std::move(stage), WorkersStage(options, recipe, 1), WorkersStage(options, recipe, 2)};
}

std::string RecipeForLoading(const record::ServerDescription& server) {
  std::vector<std::string> ready;
  for (const auto& profile : server.profiles) {
    if (profile.state == kReady) ready.push_back(profile.name);
  }
  for (const char* wanted : {"quantized", "baseline"}) {
    if (std::ranges::find(ready, wanted) != ready.end()) return wanted;
  }
  return ready.empty() ? "" : ready.front();
}

std::vector<record::RunRecord> InTermsOf(const Stage& stage, std::vector<record::RunRecord> runs) {
  std::vector<record::RunRecord> meant;
  for (record::RunRecord& run : runs) {
    const auto found = stage.meanings.find(run.settings.profile);
    if (found == stage.meanings.end()) {
      meant.push_back(std::move(run));
      continue;
    }
    for (const std::string& variant : found->second.variants) {
      record::RunRecord& copy = meant.emplace_back(run);
      copy.settings.profile = found->second.profile;
      copy.settings.variant = variant;
    }
  }
  return meant;
}

size_t RunsOf(const Stage& stage, size_t profiles) {
  if (!stage.meanings.empty()) profiles = stage.meanings.size();
  return profiles * LevelsOf(stage.run).size() * static_cast<size_t>(stage.run.turns);
}

absl::StatusOr<std::string> ConfigText(const std::string& config) {
  if (config.empty() || IsConfigText(config)) return config;
  ASSIGN_OR_RETURN(std::string read, ReadFile(config));
  const size_t first = read.find_first_not_of(" \t\r\n");
  if (first != std::string::npos && read[first] == '{') {
    return errors::InvalidArgument(config, ": is JSON; a suite adds to the config, which takes text-proto");
  }
  return read;
}

CoreSplit SplitCores(const std::vector<int>& usable) {
  if (usable.size() < 2) return {};
  return {absl::StrJoin(usable.begin(), usable.end() - 1, ","), usable.back()};
}

void AddSuiteCommand(CLI::App* app, int* exit_code) {
  auto options = std::make_shared<SuiteOptions>();
  CLI::App* command =
      app->add_subcommand("suite", "Measures all profiles and ways of data loading, and writes reports");
  DeclareServer(command, &options->run);
  AddOption(command, "--out", "DIR", &options->out, "Directory for all files (results)");
  command->add_flag("--quick", options->quick, "Fewer and shorter runs: a few minutes instead of a quarter of an hour");
  DeclareTexts(command, &options->run);
  DeclareDeadline(command, &options->run);
  command->add_flag("--quiet", options->run.quiet, "Do not show progress");
  command->footer(kSuiteFooter);
  command->callback([=] { *exit_code = Suite(*options); });
}

}  // namespace roberta::loadtest::console
