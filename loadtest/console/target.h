#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "client/credentials.h"
#include "loadtest/record/run_record.h"

namespace roberta::console {

/// What the server at `target` says of itself. Nothing for one that does not know the question. Unavailable if it
/// cannot be reached; NotFound, with the list, if it has no profile called as one of `profiles` ("" and "all" are no
/// names), FailedPrecondition, with its reason, if that is not READY.
absl::StatusOr<record::ServerDescription> DescribeServer(const std::string& target,
                                                         const std::vector<std::string>& profiles,
                                                         const client::Credentials& credentials = {});

/// The profiles to measure of those that were `wanted`: "" for the server's default if none was, and for "all" every
/// one that is READY, in the server's order. FailedPrecondition if there is none, or the server lists none.
absl::StatusOr<std::vector<std::string>> ProfilesToMeasure(const std::vector<std::string>& wanted,
                                                           const record::ServerDescription& server);

}  // namespace roberta::console
