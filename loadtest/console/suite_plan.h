#pragma once

#include <map>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "loadtest/console/run_options.h"
#include "loadtest/record/run_record.h"

namespace roberta::console {

/// What `roberta-loadtest suite` was told.
struct SuiteOptions {
  RunOptions run;  ///< server, texts, deadline and seed; the suite chooses loads, profiles and turns
  std::string out = "results";
  bool quick = false;
};

/// A part of a suite: a server, and runs against it.
struct Stage {
  std::string title;  ///< "profiles"
  RunOptions run;     ///< `server.config` is text
  /// As what the runs of a profile of this server are recorded. Profiles that are not named here: as they are.
  struct Meaning {
    std::string profile;                ///< that it is a variant of
    std::vector<std::string> variants;  ///< "strategy padded"; a record for each
  };
  std::map<std::string, Meaning> meanings;
};

/// All profiles of the server that are READY, in turns, from one user to many.
Stage ComparisonStage(const SuiteOptions& options);

/// Ways of data loading, in turns, under the load of many users: as profiles of the recipe `recipe` that differ in
/// nothing else; and, on a server of its own each, numbers of tokenizer workers.
std::vector<Stage> LoadingStages(const SuiteOptions& options, const std::string& recipe);

/// The profile whose data loading is worth looking at: quantized, else baseline, else the first that is READY; empty if
/// none is.
std::string RecipeForLoading(const record::ServerDescription& server);

/// Runs of `stage`, recorded as what they mean.
std::vector<record::RunRecord> InTermsOf(const Stage& stage, std::vector<record::RunRecord> runs);

/// How many runs a stage makes of `profiles` profiles; its own, if it names them.
size_t RunsOf(const Stage& stage, size_t profiles);

/// The config of a server of one's own as text: that of a file is read. InvalidArgument for JSON, which cannot be added
/// to; NotFound, with the system's reason, for a file that cannot be read.
absl::StatusOr<std::string> ConfigText(const std::string& config);

/// Cores for the server and for this program, as taskset takes them, of those that this program may use: all but the
/// last, and the last. Both empty if there is but one.
struct CoreSplit {
  std::string server;
  int client = -1;
};
CoreSplit SplitCores(const std::vector<int>& usable);

}  // namespace roberta::console
