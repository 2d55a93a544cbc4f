#pragma once

#include <CLI/CLI.hpp>
#include <string>

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

/// Reads the examples, with their labels only if `read_labels`. Rows that are skipped are told on standard error.
/// Errors are those of quality::ReadData.
absl::StatusOr<quality::Data> ReadExamples(const ExampleFlags& flags, const checkpoint::ModelConfig& config,
                                           bool read_labels);

/// What --help says of the formats; for a footer.
std::string ExampleFormatsHelp();

}  // namespace roberta::tool
