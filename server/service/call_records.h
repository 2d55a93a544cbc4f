#pragma once

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "server/metrics/call_metrics.h"
#include "server/request_log/call_identity.h"
#include "server/request_log/record.h"
#include "server/service/classify_call.h"
#include "server/service/comparison_core.h"

namespace roberta::service {

/// How the log calls a profile that a request named: as the request does if it is `auto` or one of `known`, else
/// "(unknown)", since a wrong name may be anything, a text too. Empty if the request named none.
std::string LoggedName(const std::string& name, const std::vector<std::string>& known);

/// What every call has in common; views into `identity`.
request_log::Record BeginRecord(metrics::Method method, const absl::Status& status,
                                const request_log::CallIdentity& identity);

/// What the log tells of a call whose response is complete; views into `call`. `known` are the server's profiles.
request_log::Record RecordOf(const ClassifyCall& call, const std::vector<std::string>& known);
request_log::Record RecordOf(const ComparisonCall& call, const std::vector<std::string>& known);
/// Of a stream, whose profile and time are left to the caller; views into `identity`. To `work` what its parts came to
/// is added: their times are sums, as they overlap.
request_log::Record RecordOfStream(const request_log::CallIdentity& identity, const absl::Status& status,
                                   const v1::StreamEnd& totals, request_log::Work work);

}  // namespace roberta::service
