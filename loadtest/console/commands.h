#pragma once

#include <CLI/CLI.hpp>
#include <map>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "loadtest/console/run_options.h"
#include "loadtest/record/run_record.h"

namespace roberta::loadtest::console {

/// Adds `run` to `app`; parsing it runs it and sets `*exit_code`.
void AddRunCommand(CLI::App* app, int* exit_code);

/// Adds an option whose value is called `type` in the help.
template <typename Value>
CLI::Option* AddOption(CLI::App* command, const char* name, const char* type, Value* value, const char* help) {
  return command->add_option(name, *value, help)->type_name(type);
}

/// Adds `--target` and the other options that choose the server.
void DeclareServer(CLI::App* command, RunOptions* options);

/// Adds to `command` the options that decide which runs to make or what to search for: loads, profiles, turns,
/// objective.
void DeclareSeries(CLI::App* command, RunOptions* options);

// Groups of options; `suite` shares some of them with `run`.

void DeclareDeadline(CLI::App* command, RunOptions* options);
/// The options of a single run.
void DeclareLoad(CLI::App* command, RunOptions* options);
/// The options for the texts to send.
void DeclareTexts(CLI::App* command, RunOptions* options);

/// Checks before any work whether this machine has the programs and fonts that reports need. NotFound, with the Debian
/// package to install. Prints a line on standard error if reports will not look as designed.
absl::Status CheckReportRequirements();

/// Writes the PDFs of a suite (report::SuiteReports) into `directory`, which is created if it does not exist. `series`
/// must have a run. NotFound without gnuplot; PermissionDenied, naming the file, if one cannot be written.
absl::Status WriteSuiteReports(const record::Series& series, const std::string& directory);

/// Adds `report` to `app`; parsing it runs it and sets `*exit_code`.
void AddReportCommand(CLI::App* app, int* exit_code);

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
