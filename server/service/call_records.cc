#include "server/service/call_records.h"

#include <algorithm>
#include <chrono>
#include <set>

#include "absl/strings/str_join.h"
#include "server/call/failure_reason.h"
#include "server/service/profile_selection.h"

namespace roberta::service {

using request_log::Record;
using request_log::Work;

namespace {

constexpr char kUnknown[] = "(unknown)";

}  // namespace

std::string LoggedName(const std::string& name, const std::vector<std::string>& known) {
  if (name.empty() || name == kAutoProfile || std::find(known.begin(), known.end(), name) != known.end()) return name;
  return kUnknown;
}

void CountAndLog(const Parts& parts, const EndedCall& ended, absl::FunctionRef<void(Record*)> describe) {
  const absl::StatusCode code = ended.status.code();
  const std::string_view reason = call::ReasonOf(ended.status);
  parts.metrics->calls().Ended({.method = ended.method, .profile = ended.profile, .code = code, .reason = reason},
                               ended.clock);
  // A stream lasts as long as its client sends items, so its duration does not make it a slow call.
  const bool is_stream = ended.method == call::Method::kClassifyStream;
  if (parts.log == nullptr || !parts.log->Wants(code, is_stream ? 0 : ended.clock.total_ns())) return;
  Record record;
  record.method = call::NameOf(ended.method);
  record.code = code;
  record.reason = reason;
  record.request_id = ended.identity.request_id;
  record.trace_id = ended.identity.trace_id;
  record.total_ns = ended.clock.total_ns();
  record.length_is_the_clients = is_stream;
  record.ended = std::chrono::steady_clock::now();
  describe(&record);
  parts.log->Write(record);
}

void Describe(const ClassifyCall& call, const std::vector<std::string>& known, Record* record) {
  const CallOutcome& outcome = call.outcome;
  const std::string& in_request = call.request.profile();
  record->profile_requested = LoggedName(in_request.empty() ? call.metadata_profile : in_request, known);
  record->profile = call.profile.name;
  Work& work = record->work.emplace();
  work.items = static_cast<size_t>(call.request.items_size());
  work.failed_items = outcome.status.ok() ? outcome.problems.size() : work.items;
  work.tokens = call.job.token_ids.size();
  for (const v1::ItemResult& result : outcome.response.results()) {
    work.truncated_items += result.classification().truncated();
  }
  work.priority = call::NameOf(call.settings.priority);
  work.batch_items = call.job.largest_batch_items;
  work.phase_ns = call.clock.spent_ns();
}

void Describe(const ComparisonCall& call, const std::vector<std::string>& known, Record* record) {
  std::set<std::string> names;
  for (const std::string& name : call.request.profiles()) names.insert(LoggedName(name, known));
  record->profile_requested = absl::StrJoin(names, ",");
  Work& work = record->work.emplace();
  work.items = 1;
  work.failed_items = call.outcome.status.ok() ? 0 : 1;
  work.tokens = call.encoding.ids.size();
  work.truncated_items = call.encoding.tokens_dropped > 0;
  work.priority = call::NameOf(call.settings.priority);
  work.batch_items = call.job.largest_batch_items;
  work.phase_ns = call.clock.spent_ns();
}

}  // namespace roberta::service
