#pragma once

#include <string>

#include "absl/status/status.h"
#include "loadtest/record/run_record.h"

namespace CLI {
class App;
}

namespace roberta::loadtest::console {

/// Checks before any work whether this machine has the programs and fonts that reports need. NotFound, with the Debian
/// package to install. Prints a line on standard error if reports will not look as designed.
absl::Status CheckReportRequirements();

/// Writes the PDFs of a suite (report::SuiteReports) into `directory`, which is created if it does not exist. `series`
/// must have a run. NotFound without gnuplot; PermissionDenied, naming the file, if one cannot be written.
absl::Status WriteSuiteReports(const record::Series& series, const std::string& directory);

/// Adds `report` to `app`; parsing it runs it and sets `*exit_code`.
void AddReportCommand(CLI::App* app, int* exit_code);

}  // namespace roberta::loadtest::console
