#pragma once

#include <chrono>
#include <functional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "client/direct_client.h"
#include "loadtest/console/known_answers.h"
#include "loadtest/console/run_options.h"
#include "loadtest/record/run_record.h"
#include "profiles/terminal/progress.h"

namespace roberta::console {

/// What is measured, with what.
struct Subject {
  const RunOptions& options;
  std::string target;                 ///< that `client` is connected with
  std::vector<std::string> profiles;  ///< not empty; "": the server's default
  std::vector<workload::RequestClass> classes;
  record::ServerDescription server;
  client::DirectClient* client = nullptr;
  std::function<bool()> stop_requested;
  /// Begins to watch the server for a run of at most so long; what it returns ends that and books it. May be empty.
  std::function<std::function<void(record::RunRecord*)>(std::chrono::nanoseconds)> watch;
  std::string title;      ///< that the progress begins with; may be empty
  size_t runs_later = 0;  ///< that come after these, for the time left
};

/// What came of it.
struct Measured {
  record::Series series;
  size_t runs_planned = 0;  ///< of a search 0: it is not known before
  runner::End end = runner::End::kComplete;
  bool answered = false;            ///< at least one request
  std::vector<std::string> faults;  ///< why figures are this program's, with the run that they are of
};

/// Makes the runs that the options ask for, or searches, after asking for each text alone. A run that breaks off is
/// kept and is the last one. Errors: Unavailable if the server was lost, and Cancelled if it was stopped, before the
/// first run; and those of the files that the options name.
absl::StatusOr<Measured> Measure(const Subject& subject, terminal::ProgressBar* bar);

}  // namespace roberta::console
