#include "loadtest/console/suite_plan.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "loadtest/console/output.h"

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
  return {{kUsual, "", {"strategy packed", "token budget 2048", "prefetch off"}},
          {"bucketed", "strategy: \"bucketed\"", {"strategy bucketed"}},
          {"padded", "strategy: \"padded\"", {"strategy padded"}},
          {"budget-512", "max_batch_tokens: 512", {"token budget 512"}},
          {"budget-8192", "max_batch_tokens: 8192", {"token budget 8192"}},
          {"prefetch", "prefetch: true", {"prefetch on"}}};
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
    if (std::find(ready.begin(), ready.end(), wanted) != ready.end()) return wanted;
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
  absl::StatusOr<std::string> read = ReadFile(config);
  if (!read.ok()) return read;
  const size_t first = read->find_first_not_of(" \t\r\n");
  if (first != std::string::npos && (*read)[first] == '{') {
    return absl::InvalidArgumentError(
        absl::StrCat(config, ": is JSON; a suite adds to the config, which takes text-proto"));
  }
  return read;
}

CoreSplit SplitCores(const std::vector<int>& usable) {
  if (usable.size() < 2) return {};
  return {absl::StrJoin(usable.begin(), usable.end() - 1, ","), usable.back()};
}

}  // namespace roberta::loadtest::console
