#pragma once

#include <CLI/CLI.hpp>
#include <cstdint>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"

namespace roberta::tool {

/// What a command has to say when its work is done.
struct Report {
  std::string text;  ///< for standard output; empty: nothing
  /// False if the report itself says that something failed: the exit code is then 1.
  bool all_well = true;
  absl::Status failure;  ///< printed on standard error after the report; the exit code is then 1
};

/// A report as every --json prints it.
std::string JsonText(const nlohmann::ordered_json& json);

/// What tables have in place of something that was not measured.
inline constexpr char kNotMeasured[] = "-";

/// "51.20 %", of a share from 0 to 1.
std::string PercentText(double share);
/// "1,234,567", of a number that is not negative.
std::string CountText(int64_t number);

/// Prints `report`, or why there is none, as "error: ..." on standard error. Returns the exit code: 0, or 1 where
/// something failed, also the printing.
int Finish(const absl::StatusOr<Report>& report);

/// Adds a subcommand: `declare(command, options)` adds its options, and `run(options)` does the work when it is called.
/// When it has run, `*exit_code` is that of Finish. `run` may throw CLI::ValidationError for options that exclude
/// others.
template <typename Options>
void AddCommand(CLI::App* app, int* exit_code, const char* name, const char* description,
                void (*declare)(CLI::App* command, Options* options),
                absl::StatusOr<Report> (*run)(const Options& options)) {
  auto options = std::make_shared<Options>();
  CLI::App* command = app->add_subcommand(name, description);
  declare(command, options.get());
  command->callback([options, exit_code, run] { *exit_code = Finish(run(*options)); });
}

/// Adds the required --model DIR.
void AddModelOption(CLI::App* command, std::string* directory, const char* description = "Checkpoint directory");
/// Adds --json.
void AddJsonFlag(CLI::App* command, bool* json);
/// Adds an option that takes a whole number from `least` to `most`; --help says its default.
template <typename Number>
void AddNumber(CLI::App* command, const char* name, const char* help, Number least, Number most, Number* value) {
  command->add_option(name, *value, absl::StrCat(help, " (", *value, ")"))
      ->check(CLI::Range(least, most).description(""))
      ->type_name("N");
}

// The commands of roberta-model, each in a file of its name. `app` must not outlive `exit_code`.
void AddInspect(CLI::App* app, int* exit_code);    ///< what a checkpoint is, or all that is wrong with it
void AddTokenize(CLI::App* app, int* exit_code);   ///< texts in, token ids out
void AddPrune(CLI::App* app, int* exit_code);      ///< makes a checkpoint smaller and faster
void AddCalibrate(CLI::App* app, int* exit_code);  ///< measures and stores by what int8 profiles are smoothed
void AddConvert(CLI::App* app, int* exit_code);    ///< the same checkpoint with another dtype, or dense
void AddEvaluate(CLI::App* app, int* exit_code);   ///< what every profile costs in quality
void AddMeasure(CLI::App* app, int* exit_code);    ///< how fast and how large every profile is here
void AddInit(CLI::App* app, int* exit_code);       ///< a checkpoint with random weights

}  // namespace roberta::tool
