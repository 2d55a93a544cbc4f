#pragma once

#include <string>

#include "absl/status/status.h"
#include "loadtest/record/run_record.h"

namespace roberta::console {

/// Whether this machine has what reports are made with, to be asked before any work is done: NotFound, naming the
/// Debian package to install. Prints a line on standard error if reports will not look as designed.
absl::Status CheckReportRequirements();

/// Writes the PDFs of a suite (report::SuiteReports) into `directory`, which is made if it is not there. `series` must
/// have a run. NotFound without gnuplot; PermissionDenied, naming the file, if one cannot be written.
absl::Status WriteSuiteReports(const record::Series& series, const std::string& directory);

}  // namespace roberta::console
