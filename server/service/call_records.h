#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "server/call/identity.h"
#include "server/call/call.h"
#include "server/request_log/request_log.h"
#include "server/service/comparison.h"
#include "server/service/parts.h"
#include "server/service/unary_call.h"

namespace roberta::service {

/// The name of a requested profile for the log: unchanged if it is empty, `auto` or one of `known`, else "(unknown)",
/// since a wrong name may be anything, even a text.
std::string LoggedName(const std::string& name, const std::vector<std::string>& known);

/// A call that has ended.
struct EndedCall {
  call::Method method;
  std::string_view profile;  ///< by which it is counted; empty if it was given none
  const absl::Status& status;
  const call::Identity& identity;
  const call::PhaseClock& clock;
};

/// Counts `ended`, and writes its log record if the log wants it: `describe` adds what EndedCall does not have.
void CountAndLog(const Parts& parts, const EndedCall& ended, absl::FunctionRef<void(request_log::Record*)> describe);

/// Describe a call whose response is complete, by views into `call`. `known` are the names of the profiles.
void Describe(const ClassifyCall& call, const std::vector<std::string>& known, request_log::Record* record);
void Describe(const ComparisonCall& call, const std::vector<std::string>& known, request_log::Record* record);

}  // namespace roberta::service
