#include "server/service/classification.h"

#include <optional>

#include "absl/strings/str_cat.h"
#include "profiles/errors/errors.h"
#include "profiles/tokenizer/tokenizer.h"
#include "server/call/failure_reason.h"
#include "server/call/identity.h"
#include "server/service/admission_control.h"
#include "server/service/brown_out.h"
#include "server/service/call_end.h"
#include "server/service/memory_guard.h"
#include "server/service/profile_backend.h"
#include "server/service/shadow_traffic.h"

namespace roberta::service {

using call::FailureReason;
using call::MakeStatus;
using call::Phase;

namespace {

/// Notes that an item has no classification.
void FailItem(ClassifyCall& call, int item, const FieldProblem& problem) {
  FillStatus(problem.status, call.outcome.response.mutable_results(item)->mutable_status());
  call.outcome.problems.push_back(problem);
}

/// The path of an item in the client's message.
std::string FieldOf(const ClassifyCall& call, int item) {
  return absl::StrCat("items[", call.first_item + item, "]");
}

/// Messages of a stream must reach clients that have not raised gRPC's limit of 4 MiB; the rest is for what is around
/// a result. Items whose results are larger by themselves fail, and lose their ids, which may be what is large.
void FailLargeResults(ClassifyCall& call) {
  constexpr size_t kMostBytes = (4u << 20) - (64u << 10);
  for (int i = 0; i < call.outcome.response.results_size(); ++i) {
    v1::ItemResult* result = call.outcome.response.mutable_results(i);
    const size_t bytes = result->ByteSizeLong();
    if (bytes <= kMostBytes) continue;
    result->Clear();
    const std::string field = FieldOf(call, i);
    FailItem(call, i,
             {field, MakeStatus(FailureReason::kBadField,
                                absl::StrCat(field, ": the result has ", bytes, " bytes; at most ", kMostBytes,
                                             " fit into a message of a stream: ask for fewer scores by top_k, "
                                             "or give it a shorter id"))});
  }
}

/// Where bad items fail the call, the first problem is its status, and the others are in the status' details.
absl::Status StatusOfProblems(const ClassifyCall& call) {
  const std::vector<FieldProblem>& problems = call.outcome.problems;
  if (problems.empty() || call.settings.allow_partial) return absl::OkStatus();
  const absl::Status& first = problems.front().status;
  if (problems.size() == 1) return first;
  const size_t others = problems.size() - 1;
  return call::WithMessage(
      first, absl::StrCat(first.message(), " (and ", others, " more bad item", others > 1 ? "s" : "", ")"));
}

}  // namespace

void Classification::Start(std::shared_ptr<ClassifyCall> call) {
  call->in_flight = parts_.metrics->calls().Started();
  call->on_connection = parts_.admission->Started(*call);
  if (call->outcome.status.ok()) call->outcome.status = Admit(*call);
  if (!call->outcome.status.ok()) return Finish(*call);
  parts_.tokenizers->Push([this, call = std::move(call)]() mutable { TokenizeAndEnqueue(std::move(call)); });
}

void Classification::StartPart(std::shared_ptr<ClassifyCall> call) {
  call->is_part = true;
  call->job.priority = call->settings.priority;
  call->job.deadline = SteadyDeadline(call->deadline);
  call->job.profile = call->profile.index;
  call->job.caller = CallerOf(*call);
  parts_.admission->CountItems(*call, static_cast<size_t>(call->request.items_size()), parts_.queue->now()());
  parts_.tokenizers->Push([this, call = std::move(call)]() mutable { TokenizeAndEnqueue(std::move(call)); },
                          batching::WorkerPool::Turn::kBulk);
}

absl::Status Classification::SelectProfileOfStream(ClassifyCall& stream) const {
  stream.is_part = true;
  stream.job.deadline = SteadyDeadline(stream.deadline);
  if (parts_.memory != nullptr) RETURN_IF_ERROR(parts_.memory->CheckStream());
  absl::Status selected = selection_.Select(stream, parts_.queue->now()());
  if (selected.ok()) parts_.metrics->admission().Selected(stream.profile.name, stream.selection);
  return selected;
}

absl::Status Classification::Admit(ClassifyCall& call) const {
  const absl::Status entered = parts_.concurrency->Admit(call, &call.permit);
  const bool crowded = absl::IsResourceExhausted(entered);  // the call counts as offered load all the same
  if (!entered.ok() && !crowded) return entered;
  RETURN_IF_ERROR(CheckStillWanted(call.cancelled, call.deadline));
  if (auto problem = ValidateCall(call.request, parts_.limits, &call.settings)) {
    call.outcome.problems.push_back(*problem);
    return problem->status;
  }
  const batching::Clock::time_point now = parts_.queue->now()();
  batching::Job& job = call.job;
  job.priority = call.settings.priority;
  job.deadline = SteadyDeadline(call.deadline);
  job.caller = CallerOf(call);
  if (!crowded) RETURN_IF_ERROR(parts_.admission->CheckRate(call, now));
  if (absl::Status selected = selection_.Select(call, now); !selected.ok()) return crowded ? entered : selected;
  job.profile = call.profile.index;
  admission::PendingCall work = parts_.admission->Estimate(call.request, job.profile, job.priority);
  work.caller = job.caller;
  parts_.admission->Offer(work, now);
  if (crowded) return entered;
  if (parts_.memory != nullptr) RETURN_IF_ERROR(parts_.memory->CheckCall(work.tokens));
  absl::Status admitted = parts_.admission->Admit(work, call, job.deadline, now, &call.forecast);
  if (!admitted.ok()) return admitted;
  parts_.admission->CountItems(call, work.items, now);
  parts_.metrics->admission().Selected(call.profile.name, call.selection);
  return admitted;
}

void Classification::TokenizeAndEnqueue(CallPointer call) {
  call->clock.End(Phase::kQueue);
  call->outcome.status = CheckStillWanted(*call->cancelled_by, call->deadline);
  if (call->outcome.status.ok()) Tokenize(*call);
  call->clock.End(Phase::kTokenize);
  if (!call->outcome.status.ok() || call->job.lengths.empty()) return Finish(*call);
  Enqueue(std::move(call));
}

void Classification::Tokenize(ClassifyCall& call) const {
  static thread_local tokenizer::Encoding encoding;
  batching::Job& job = call.job;
  size_t bytes = 0, tokens = 0;
  for (int i = 0; i < call.request.items_size(); ++i) {
    const internal::RawItem& item = call.request.items(i);
    const std::string field = FieldOf(call, i);
    v1::ItemResult* result = call.outcome.response.add_results();
    auto problem = ValidateItem(item, field, parts_.limits);
    if (!problem || !problem->field.ends_with(".id")) result->set_id(item.id());
    if (!problem) problem = EncodeItem(*parts_.registry, item, field, call.settings.truncation, &encoding);
    if (problem) {
      FailItem(call, i, *problem);
      continue;
    }
    job.token_ids.insert(job.token_ids.end(), encoding.ids.begin(), encoding.ids.end());
    job.lengths.push_back(encoding.ids.size());
    call.item_of.push_back(i);
    FillTokens(encoding, result->mutable_classification());
    bytes += BytesOf(item);
    tokens += encoding.ids.size() + encoding.tokens_dropped;
  }
  if (!job.lengths.empty()) parts_.admission->LearnTokens(job.lengths.size(), bytes, tokens);
  call.outcome.status = StatusOfProblems(call);
}

void Classification::Enqueue(CallPointer call) {
  batching::Job& job = call->job;
  const bool is_part = call->is_part;
  if (!is_part) {
    call->outcome.status =
        parts_.admission->CheckAgain(job.token_ids.size(), *call, job.deadline, parts_.queue->now()(), &call->forecast);
  }
  if (!call->outcome.status.ok()) return Finish(*call);
  job.cancelled = call->cancelled_by;
  job.backend = BackendOf(call->profile);
  job.outputs_per_item = static_cast<size_t>(parts_.registry->checkpoint().config().num_labels());
  job.done = [this, call](batching::Job&) {
    const auto end = [this, call] {
      CollectResults(*call);
      Finish(*call);
    };
    parts_.tokenizers->Push(end, batching::WorkerPool::Turn::kNext);
  };
  // Once it is pushed, other threads may work on the call.
  const admission::Reservation until_queued = std::move(call->forecast.reservation);
  absl::Status pushed = PushJob(parts_, {call, &job}, is_part);
  if (pushed.ok()) {
    if (parts_.brown_out != nullptr && !is_part) parts_.brown_out->WorkArrived();
    return;
  }
  call->outcome.status = std::move(pushed);
  Finish(*call);
}

void Classification::CollectResults(ClassifyCall& call) const {
  const batching::Job& job = call.job;
  StampPhases(job, &call.clock);
  if (!call.is_part) parts_.admission->Ended(job, call.forecast, parts_.queue->now()());
  if (call.outcome.status = StatusIfDropped(job); !call.outcome.status.ok()) return;
  for (size_t i = 0; i < job.results.size(); ++i) {
    const absl::Status& status = job.results[i].status;
    if (status.ok()) continue;
    const int item = call.item_of[i];
    const std::string field = FieldOf(call, item);
    FailItem(call, item,
             {field, MakeStatus(FailureReason::kBackendFailure, absl::StrCat(field, ": ", status.message()))});
  }
  call.outcome.status = StatusOfProblems(call);
}

void Classification::Finish(ClassifyCall& call) {
  v1::ClassifyResponse& response = call.outcome.response;
  std::optional<registry::LoadedProfile> shadow;
  if (call.outcome.status.ok()) {
    FillClassifications(parts_.registry->checkpoint().config(), call);
    if (call.is_part) FailLargeResults(call);
    response.set_model(parts_.model_name);
    response.set_model_revision(parts_.registry->checkpoint().revision());
    response.set_batch_items(static_cast<uint32_t>(call.job.largest_batch_items));
    if (parts_.shadow != nullptr) shadow = parts_.shadow->Choose(call.job, call.profile.name);
    response.set_shadowed(shadow.has_value());
  }
  call.forecast.reservation.reset();
  call.clock.End(Phase::kPost);
  FillPhases(call.clock.spent_ns(), response.mutable_phases());
  CountItems(call);
  if (!call.is_part) {
    if (call.identity.request_id.empty()) call.identity.request_id = call::NewRequestId();
    response.set_request_id(call.identity.request_id);
    CountAndLog(parts_, {call::Method::kClassify, call.profile.name, call.outcome.status, call, call.clock},
                [&](request_log::Record* record) { Describe(call, parts_.registry->names(), record); });
  }
  if (call.is_part) {
    call.Complete();
  } else {
    if (call.cancelled) {
      parts_.admission->Cancelled(call, SteadyDeadline(call.deadline), call.cancelled_at);
    } else {
      parts_.admission->Ended(call, parts_.queue->now()());
    }
    Complete(parts_, call);
  }
  if (shadow) parts_.shadow->Run(*shadow, call.job);
}

void Classification::CountItems(const ClassifyCall& call) const {
  const request_log::Work work = WorkOf(call);
  parts_.metrics->items().Count(call.profile.name, {.answered = work.items - work.failed_items,
                                                    .failed = work.failed_items,
                                                    .truncated = call.outcome.status.ok() ? work.truncated_items : 0,
                                                    .tokens = work.tokens});
}

}  // namespace roberta::service
