#pragma once

#include <string>

#include "absl/status/status.h"
#include "loadtest/record/run_record.h"

namespace roberta::console {

/// Writes the PDFs of a suite (report::SuiteReports) into `directory`, which is made if it is not there. `series` must
/// have a run. NotFound without gnuplot; PermissionDenied, naming the file, if one cannot be written.
absl::Status WriteSuiteReports(const record::Series& series, const std::string& directory);

}  // namespace roberta::console
