#pragma once

#include <CLI/CLI.hpp>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "profiles/checkpoint/config.h"
#include "profiles/quality/sample.h"

namespace roberta::tool {

using Json = nlohmann::ordered_json;  ///< of reports: members stay in the order in which they were added

/// What a command has to say when its work is done.
struct Report {
  std::string text;  ///< for standard output; empty: nothing
  /// False if the report itself says that something failed: the exit code is then 1.
  bool all_well = true;
  absl::Status failure;  ///< printed on standard error after the report; the exit code is then 1
};

/// A report as every --json prints it.
std::string JsonText(const Json& json);

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

/// Prints what failed on standard error, in one line that begins with "error: ".
void PrintError(const absl::Status& status);

/// Writes lines to a stream and remembers the first failure, so that a program can stop when nobody reads it or the
/// disk is full. The program must ignore SIGPIPE. One thread.
class LineOutput {
 public:
  /// `stream` stays the caller's and must outlive this.
  explicit LineOutput(std::FILE* stream) : stream_(stream) {}

  /// Writes `line` and, unless it has one, a line end. Like Flush it returns false once anything has failed.
  bool Write(std::string_view line);
  bool Flush();

  /// Prints on standard error why writing failed, unless nothing failed or the reader merely went away.
  void ReportFailure() const;

 private:
  std::FILE* stream_;
  int error_ = 0;  ///< errno of the first failure
};

/// Finds out, before the work is done, whether WriteOutputFile could write there. Leaves nothing behind.
absl::Status CheckOutputFile(const std::string& path);

/// Writes a file that appears complete or not at all; a path that is not a regular file, such as a pipe or a device, is
/// written to directly. Errors name the file and what the system says.
absl::Status WriteOutputFile(const std::string& path, std::string_view text);

/// What a command line says of a file of examples.
struct ExampleFlags {
  std::string file;
  std::string format;  ///< a name of rows::FormatNamed; empty: by the file's name
  bool skip_bad_rows = false;
};

/// Adds --data (required, described by `what`), --format and --skip-bad-rows. `flags` must outlive the command.
void AddExampleFlags(CLI::App* command, const std::string& what, ExampleFlags* flags);

/// Reads the examples; their labels only `with_labels`, and for a model that gives a text one of several. Rows that are
/// skipped are listed on standard error. Errors are those of quality::ReadData.
absl::StatusOr<quality::Data> ReadExamples(const ExampleFlags& flags, const checkpoint::ModelConfig& config,
                                           bool with_labels);

/// What --help says of the formats; for a footer.
std::string ExampleFormatsHelp();

/// Which profiles a command runs, and on how many threads.
struct ProfileFlags {
  std::vector<std::string> names = {"all"};
  size_t threads = 0;

  /// The names asked for, each once and in that order; "all" stands for every recipe of the registry.
  std::vector<std::string> Names() const;

  /// `candidates` without recipes whose module cannot be loaded here, unless the flag names them one by one. Reports
  /// those that it leaves out, with the reason, on standard error.
  std::vector<std::string> WithoutMissingModules(std::vector<std::string> candidates) const;
};

/// Adds --threads, by default every usable core.
void AddThreads(CLI::App* command, size_t* threads);

/// Adds --profiles and --threads. `flags` must outlive the command.
void AddProfileFlags(CLI::App* command, ProfileFlags* flags);

}  // namespace roberta::tool
