#pragma once

#include <CLI/CLI.hpp>
#include <cstddef>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "profiles/checkpoint/config.h"
#include "profiles/quality/sample.h"

namespace roberta::tool {

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

/// Adds --profiles and --threads (by default every usable core). `flags` must outlive the command.
void AddProfileFlags(CLI::App* command, ProfileFlags* flags);

}  // namespace roberta::tool
