#pragma once

#include <map>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "loadtest/console/run_options.h"
#include "loadtest/record/run_record.h"

namespace CLI {
class App;
}

namespace roberta::loadtest::console {

/// The options of `roberta-loadtest suite`.
struct SuiteOptions {
  RunOptions run;  ///< server, texts, deadline and seed; the suite chooses loads, profiles and turns
  std::string out = "results";
  bool quick = false;
};

/// A part of a suite: a server, and the runs on it.
struct Stage {
  std::string title;  ///< "profiles"
  RunOptions run;     ///< `server.config` is text
  /// How the runs of a profile of this server are recorded. Profiles that are not listed keep their names.
  struct Meaning {
    std::string profile;                ///< of which it is a variant
    std::vector<std::string> variants;  ///< "strategy padded"; a record for each
  };
  std::map<std::string, Meaning> meanings;
};

/// All profiles of the server that are READY, in turns, from one user to many.
Stage ComparisonStage(const SuiteOptions& options);

/// Ways of data loading, in turns, under the load of many users: as profiles of the recipe `recipe` that differ in
/// nothing else; and, on a server of its own each, numbers of tokenizer workers.
std::vector<Stage> LoadingStages(const SuiteOptions& options, const std::string& recipe);

/// The profile to compare ways of data loading with: quantized, else baseline, else the first READY one; empty if none
/// is READY.
std::string RecipeForLoading(const record::ServerDescription& server);

/// The runs of `stage` under the names of its meanings.
std::vector<record::RunRecord> InTermsOf(const Stage& stage, std::vector<record::RunRecord> runs);

/// The number of runs that a stage makes for `profiles` profiles, or for its own if it names them.
size_t RunsOf(const Stage& stage, size_t profiles);

/// The config of a server that this program starts, as text: a file is read. InvalidArgument for JSON, which cannot be
/// added to; NotFound, with the system's reason, for a file that cannot be read.
absl::StatusOr<std::string> ConfigText(const std::string& config);

/// Cores for the server and for this program, as taskset takes them, of those that this program may use: all but the
/// last, and the last. Both empty if there is but one.
struct CoreSplit {
  std::string server;
  int client = -1;
};
CoreSplit SplitCores(const std::vector<int>& usable);

/// Adds `suite`, which measures all profiles and ways of data loading and writes six reports.
void AddSuiteCommand(CLI::App* app, int* exit_code);

}  // namespace roberta::loadtest::console
