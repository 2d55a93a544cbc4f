#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "client/credentials.h"
#include "client/direct_client.h"
#include "loadtest/console/measurement.h"
#include "loadtest/console/run_options.h"
#include "loadtest/console/target_server.h"

namespace roberta::loadtest::console {

/// From now on SIGINT and SIGTERM ask for a stop; the second one ends the program.
void CatchStopSignals();

bool StopRequested();

/// The description that the server at `target` gives of itself; empty if it does not know the request. Unavailable if
/// it cannot be reached; NotFound, with the list, if it lacks one of `profiles` ("" and "all" are not names);
/// FailedPrecondition, with its reason, if one of them is not READY.
absl::StatusOr<record::ServerDescription> DescribeServer(const std::string& target,
                                                         const std::vector<std::string>& profiles,
                                                         const client::Credentials& credentials = {});

/// The profiles to measure: those that are `wanted`; "" (the server's default) if `wanted` is empty; and for "all"
/// every READY profile, in the server's order. FailedPrecondition if there are none.
absl::StatusOr<std::vector<std::string>> ProfilesToMeasure(const std::vector<std::string>& wanted,
                                                           const record::ServerDescription& server);

/// A server that is ready to be measured, and the client to measure it with.
struct Session {
  std::unique_ptr<TargetServer> target_server;
  record::ServerDescription server;
  std::vector<std::string> profiles;  ///< to measure
  std::unique_ptr<client::DirectClient> client;
};

/// Starts the server if the options say so, asks for its description and connects. If that fails, prints a line on
/// standard error, sets `*exit_code` and returns nothing.
std::optional<Session> OpenSession(const RunOptions& options, int* exit_code);

/// Measures what the options ask for in the session, with a progress bar. `title` and `runs_later`: those of Subject.
/// Errors are those of Measure.
absl::StatusOr<Measured> MeasureOn(const Session& session, const RunOptions& options,
                                   std::vector<workload::RequestClass> classes, const std::string& title = "",
                                   size_t runs_later = 0);

}  // namespace roberta::loadtest::console
