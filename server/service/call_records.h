#pragma once

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "server/call/identity.h"
#include "server/call/method.h"
#include "server/request_log/record.h"
#include "server/service/classify_call.h"
#include "server/service/comparison.h"

namespace roberta::service {

/// The name of a requested profile for the log: unchanged if it is empty, `auto` or one of `known`, else "(unknown)",
/// since a wrong name may be anything, even a text.
std::string LoggedName(const std::string& name, const std::vector<std::string>& known);

/// The fields that the records of all calls have; views into `identity`.
request_log::Record BeginRecord(call::Method method, const absl::Status& status, const call::Identity& identity);

/// The log record of a call whose response is complete; views into `call`. `known` are the names of the profiles.
request_log::Record RecordOf(const ClassifyCall& call, const std::vector<std::string>& known);
request_log::Record RecordOf(const ComparisonCall& call, const std::vector<std::string>& known);
/// The record of a stream, without its profile and time, which the caller fills in; views into `identity`. `work` gets
/// the totals of its parts, whose times overlap and are added up.
request_log::Record RecordOfStream(const call::Identity& identity, const absl::Status& status,
                                   const v1::StreamEnd& totals, request_log::Work work);

}  // namespace roberta::service
