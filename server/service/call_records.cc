#include "server/service/call_records.h"

#include <algorithm>
#include <set>

#include "absl/strings/str_join.h"
#include "server/call/failure_reason.h"
#include "server/service/profile_selection.h"

namespace roberta::service {

using call::Phase;
using call::ReasonOf;
using request_log::Record;
using request_log::Work;

namespace {

constexpr char kUnknown[] = "(unknown)";

void AddTimes(const call::PhaseClock& clock, Record* record) {
  record->work->tokenize_ns = clock.spent_ns(Phase::kTokenize);
  record->work->queue_ns = clock.spent_ns(Phase::kQueue);
  record->work->form_ns = clock.spent_ns(Phase::kForm);
  record->work->infer_ns = clock.spent_ns(Phase::kInfer);
  record->work->post_ns = clock.spent_ns(Phase::kPost);
  record->total_ns = clock.total_ns();
}

}  // namespace

std::string LoggedName(const std::string& name, const std::vector<std::string>& known) {
  if (name.empty() || name == kAutoProfile || std::find(known.begin(), known.end(), name) != known.end()) return name;
  return kUnknown;
}

Record BeginRecord(call::Method method, const absl::Status& status, const call::Identity& identity) {
  Record record;
  record.method = call::NameOf(method);
  record.code = status.code();
  record.reason = ReasonOf(status);
  record.request_id = identity.request_id;
  record.trace_id = identity.trace_id;
  record.ended = std::chrono::steady_clock::now();
  return record;
}

Record RecordOf(const ClassifyCall& call, const std::vector<std::string>& known) {
  const CallOutcome& outcome = call.outcome;
  Record record = BeginRecord(call::Method::kClassify, outcome.status, call.identity);
  const std::string& in_request = call.request.profile();
  record.profile_requested = LoggedName(in_request.empty() ? call.metadata_profile : in_request, known);
  record.profile = call.profile.name;
  Work work;
  work.items = static_cast<size_t>(call.request.items_size());
  work.failed_items = outcome.status.ok() ? outcome.problems.size() : work.items;
  work.tokens = call.job.token_ids.size();
  for (const v1::ItemResult& result : outcome.response.results()) {
    work.truncated_items += result.classification().truncated();
  }
  work.priority = call::NameOf(call.settings.priority);
  work.batch_items = call.job.largest_batch_items;
  record.work = work;
  AddTimes(call.clock, &record);
  return record;
}

Record RecordOfStream(const call::Identity& identity, const absl::Status& status, const v1::StreamEnd& totals,
                      Work work) {
  Record record = BeginRecord(call::Method::kClassifyStream, status, identity);
  record.length_is_the_clients = true;
  work.items = totals.items_taken();
  work.failed_items = totals.items_failed();
  work.tokens = totals.tokens();
  const v1::Phases& phases = totals.phases();
  work.tokenize_ns = static_cast<int64_t>(phases.tokenize_ns());
  work.queue_ns = static_cast<int64_t>(phases.queue_ns());
  work.form_ns = static_cast<int64_t>(phases.form_ns());
  work.infer_ns = static_cast<int64_t>(phases.infer_ns());
  work.post_ns = static_cast<int64_t>(phases.post_ns());
  record.work = work;
  return record;
}

Record RecordOf(const ComparisonCall& call, const std::vector<std::string>& known) {
  Record record = BeginRecord(call::Method::kCompare, call.outcome.status, call.identity);
  std::set<std::string> names;
  for (const std::string& name : call.request.profiles()) names.insert(LoggedName(name, known));
  record.profile_requested = absl::StrJoin(names, ",");
  Work work;
  work.items = 1;
  work.failed_items = call.outcome.status.ok() ? 0 : 1;
  work.tokens = call.encoding.ids.size();
  work.truncated_items = call.encoding.tokens_dropped > 0;
  work.priority = call::NameOf(call.settings.priority);
  work.batch_items = call.job.largest_batch_items;
  record.work = work;
  AddTimes(call.clock, &record);
  return record;
}

}  // namespace roberta::service
