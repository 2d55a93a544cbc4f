#pragma once

#include <chrono>
#include <functional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "client/direct_client.h"
#include "loadtest/console/run_options.h"
#include "loadtest/record/run_record.h"
#include "profiles/terminal/terminal.h"

namespace roberta::loadtest::console {

/// Starts to watch the server for a run of at most this length; the function that it returns stops watching and fills
/// the record.
using Watch = std::function<std::function<void(record::RunRecord*)>(std::chrono::nanoseconds)>;

/// What to measure, and with what.
struct Subject {
  const RunOptions& options;
  std::string target;                 ///< that `client` is connected to
  std::vector<std::string> profiles;  ///< not empty; "": the server's default
  std::vector<workload::RequestClass> classes;
  record::ServerDescription server;
  client::DirectClient* client = nullptr;
  std::function<bool()> stop_requested;
  Watch watch;            ///< may be empty
  std::string title;      ///< shown at the start of progress lines; may be empty
  size_t runs_later = 0;  ///< runs that follow these, to predict the time left
};

/// The results.
struct Measured {
  record::Series series;
  size_t runs_planned = 0;  ///< 0 for a search, where it is not known before
  runner::End end = runner::End::kComplete;
  bool answered = false;            ///< at least one request
  std::vector<std::string> faults;  ///< why figures are invalid, with the run that they belong to
};

/// Makes the runs or searches that the options ask for, after sending each text alone. A run that breaks off is kept
/// and is the last one. Errors: Unavailable if the server was lost, and Cancelled if it was stopped, before the
/// first run; and those of the files that the options name.
absl::StatusOr<Measured> Measure(const Subject& subject, terminal::ProgressBar* bar);

}  // namespace roberta::loadtest::console
