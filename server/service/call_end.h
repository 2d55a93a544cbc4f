#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/types/span.h"
#include "google/rpc/status.pb.h"
#include "profiles/checkpoint/config.h"
#include "profiles/quality/agreement.h"
#include "profiles/tokenizer/tokenizer.h"
#include "roberta/v1/classifier.pb.h"
#include "server/call/call.h"
#include "server/call/failure_reason.h"
#include "server/call/identity.h"
#include "server/request_log/request_log.h"
#include "server/service/comparison.h"
#include "server/service/parked_refusals.h"
#include "server/service/parts.h"
#include "server/service/profile_backend.h"
#include "server/service/unary_call.h"

// The end of a call: its response is filled, and it is counted and logged.
namespace roberta::service {

/// What a request calls `function`; FUNCTION_AUTO is the model's own.
quality::ScoreFunction ResolveFunction(v1::FunctionToApply function, const checkpoint::ModelConfig& config);

/// Fills label, index, score and scores (best first, ties by index; at most `top_k`) from `scores` [labels].
void FillScores(absl::Span<const float> scores, const checkpoint::ModelConfig& config, std::optional<size_t> top_k,
                v1::Classification* classification);

/// Fills the number of tokens and what was truncated.
void FillTokens(const tokenizer::Encoding& encoding, v1::Classification* classification);

/// Fills the classifications of a call whose job has run, from its logits.
void FillClassifications(const checkpoint::ModelConfig& config, ClassifyCall& call);

/// Writes the time of each phase, and their total.
void FillPhases(const std::array<int64_t, call::kPhases>& spent_ns, v1::Phases* phases);

/// Writes code and message.
void FillStatus(const absl::Status& status, google::rpc::Status* written);

/// The name of a requested profile for the log: unchanged if it is empty, `auto` or one of `known`, else "(unknown)",
/// since a wrong name may be anything, even a text.
std::string LoggedName(const std::string& name, const std::vector<std::string>& known);

/// A call that has ended.
struct EndedCall {
  call::Method method;
  std::string_view profile;  ///< by which it is counted; empty if it was given none
  const absl::Status& status;
  const call::Head& head;
  const call::PhaseClock& clock;
};

/// Counts `ended`, and writes its log record if the log wants it: `describe` adds what EndedCall does not have.
void CountAndLog(const Parts& parts, const EndedCall& ended, absl::FunctionRef<void(request_log::Record*)> describe);

/// Ends a call that was counted, at once, or, if it was refused for overload, when parts.refusals lets it.
template <typename Call>
void Complete(const Parts& parts, Call& call) {
  if (parts.refusals == nullptr || !call::RetryDelayOf(call.outcome.status)) return call.Complete();
  parts.refusals->Park(call, SteadyDeadline(call.deadline), call.connection, call.cancelled);
}

/// The work of a call whose response is complete, and how many of its items failed or lost tokens.
request_log::Work WorkOf(const ClassifyCall& call);

/// Describe a call whose response is complete, by views into `call`. `known` are the names of the profiles.
void Describe(const ClassifyCall& call, const std::vector<std::string>& known, request_log::Record* record);
void Describe(const ComparisonCall& call, const std::vector<std::string>& known, request_log::Record* record);

}  // namespace roberta::service
