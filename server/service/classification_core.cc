#include "server/service/classification_core.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "absl/strings/str_cat.h"
#include "profiles/tokenizer/tokenizer.h"
#include "server/request_log/request_id.h"
#include "server/service/auto_profile.h"
#include "server/service/call_records.h"
#include "server/service/named_profile.h"
#include "server/service/profile_backend.h"
#include "server/service/queued_job.h"
#include "server/service/scores.h"
#include "server/service/situations.h"

namespace roberta::service {

using metrics::Phase;

namespace {

/// Notes that an item has no classification.
void FailItem(ClassifyCall& call, int item, const FieldProblem& problem) {
  google::rpc::Status* status = call.outcome.response.mutable_results(item)->mutable_status();
  status->set_code(static_cast<int32_t>(problem.status.code()));
  status->set_message(std::string(problem.status.message()));
  call.outcome.problems.push_back(problem);
}

/// The path of an item, in its message.
std::string FieldOf(const ClassifyCall& call, int item) {
  return absl::StrCat("items[", call.first_item + item, "]");
}

/// Without allow_partial the first problem is the call's status; the others travel in its details.
absl::Status StatusOfProblems(const std::vector<FieldProblem>& problems) {
  const absl::Status& first = problems.front().status;
  if (problems.size() == 1) return first;
  const size_t others = problems.size() - 1;
  return WithMessage(first,
                     absl::StrCat(first.message(), " (and ", others, " more bad item", others > 1 ? "s" : "", ")"));
}

}  // namespace

ClassificationCore::ClassificationCore(CoreOptions options, const Parts& parts)
    : options_(std::move(options)), parts_(parts) {}

void ClassificationCore::Start(std::shared_ptr<ClassifyCall> call) {
  parts_.metrics->calls().Started();
  call->outcome.status = Admit(*call);
  if (!call->outcome.status.ok()) return Finish(*call);
  parts_.tokenizers->Push([this, call = std::move(call)]() mutable { Advance(std::move(call)); });
}

void ClassificationCore::StartPart(std::shared_ptr<ClassifyCall> call) {
  call->is_part = true;
  batching::Job& job = call->job;
  job.priority = call->settings.priority;
  job.deadline = SteadyDeadline(call->deadline);
  job.profile = IndexOf(call->profile);
  parts_.tokenizers->PushBulk([this, call = std::move(call)]() mutable { Advance(std::move(call)); });
}

void ClassificationCore::Advance(CallPointer call) {
  call->clock.End(Phase::kQueue);
  TokenizeItems(*call);
  call->clock.End(Phase::kTokenize);
  if (!call->outcome.status.ok() || call->job.lengths.empty()) return Finish(*call);
  Enqueue(std::move(call));
}

absl::Status ClassificationCore::ChooseProfileOfStream(ClassifyCall& stream) const {
  stream.is_part = true;
  stream.job.deadline = SteadyDeadline(stream.deadline);
  absl::Status chosen = ChooseProfile(stream, parts_.queue->now()());
  if (chosen.ok()) parts_.metrics->admission().Selected(stream.profile.name, stream.selection);
  return chosen;
}

size_t ClassificationCore::IndexOf(const registry::LoadedProfile& profile) const {
  const auto& names = parts_.registry->names();
  return static_cast<size_t>(std::find(names.begin(), names.end(), profile.name) - names.begin());
}

void ClassificationCore::Refuse(const std::shared_ptr<ClassifyCall>& call, absl::Status status) {
  parts_.metrics->calls().Started();
  call->outcome.status = std::move(status);
  Finish(*call);
}

absl::Status ClassificationCore::Admit(ClassifyCall& call) const {
  const absl::Status entered = parts_.entrance->Admit(&call.permit);
  const bool crowded = absl::IsResourceExhausted(entered);  // it counts as offered all the same
  if (!entered.ok() && !crowded) return entered;
  if (absl::Status wanted = Entrance::CheckStillWanted(call.cancelled, call.deadline); !wanted.ok()) return wanted;
  if (auto problem = ValidateCall(call.request, options_.limits, &call.settings)) {
    call.outcome.problems.push_back(*problem);
    return problem->status;
  }
  const batching::Clock::time_point now = parts_.queue->now()();
  batching::Job& job = call.job;
  job.priority = call.settings.priority;
  job.deadline = SteadyDeadline(call.deadline);
  if (absl::Status chosen = ChooseProfile(call, now); !chosen.ok()) return crowded ? entered : chosen;
  job.profile = IndexOf(call.profile);
  const admission::Newcomer work = parts_.admission->Estimate(call.request, job.profile, job.priority);
  parts_.admission->Offer(work, now);
  if (crowded) return entered;
  absl::Status admitted = parts_.admission->Admit(work, job.deadline, now, &call.forecast);
  if (admitted.ok()) parts_.metrics->admission().Selected(call.profile.name, call.selection);
  return admitted;
}

absl::Status ClassificationCore::ChooseProfile(ClassifyCall& call, batching::Clock::time_point now) const {
  v1::ClassifyResponse& response = call.outcome.response;
  const bool in_request = !call.request.profile().empty();
  const std::string& name = in_request ? call.request.profile() : call.metadata_profile;
  const std::string field = in_request ? "profile" : "metadata x-profile";
  if (call.request.has_objective() && name != kAutoProfile) {
    absl::Status status = MakeStatus(Situation::kBadField, "objective: it goes with profile \"auto\" only");
    call.outcome.problems.push_back({"objective", status});
    return status;
  }
  absl::StatusOr<registry::LoadedProfile> profile;
  if (name.empty()) {
    profile = ChooseUnnamed(call);
  } else if (name == kAutoProfile) {
    profile = ChooseAutomatically(call, now);
  } else {
    profile = FindProfile(*parts_.registry, field, name);
    call.selection = in_request ? metrics::SelectionReason::kRequest : metrics::SelectionReason::kMetadata;
    response.set_profile_reason(in_request ? "request" : "metadata");
  }
  if (!profile.ok()) {
    if (absl::IsInvalidArgument(profile.status())) call.outcome.problems.push_back({field, profile.status()});
    return profile.status();
  }
  if (!name.empty()) response.set_profile_requested(name);
  call.profile = *std::move(profile);
  response.set_profile_used(call.profile.name);
  response.set_profile_revision(call.profile.revision);
  return absl::OkStatus();
}

absl::StatusOr<registry::LoadedProfile> ClassificationCore::ChooseUnnamed(ClassifyCall& call) const {
  v1::ClassifyResponse& response = call.outcome.response;
  std::optional<BrownOutLadder::Step> step;
  // A stream would keep what is meant for a while, and waits anyway.
  if (parts_.brown_out != nullptr && !call.is_part) step = parts_.brown_out->Arrive();
  if (step) {
    call.selection = metrics::SelectionReason::kBrownOut;
    response.set_profile_reason("brown_out");
    response.set_brown_out_level(static_cast<uint32_t>(step->level));
    return std::move(step->profile);
  }
  response.set_profile_reason("default");
  absl::StatusOr<registry::LoadedProfile> profile = parts_.registry->GetDefault();
  if (!profile.ok()) return MakeStatus(Situation::kProfileNotReady, std::string(profile.status().message()));
  return profile;
}

absl::StatusOr<registry::LoadedProfile> ClassificationCore::ChooseAutomatically(ClassifyCall& call,
                                                                                batching::Clock::time_point now) const {
  absl::StatusOr<AutoProfile> chosen =
      ChooseAutoProfile(*parts_.registry, *parts_.admission, call.request, call.settings, call.job.deadline, now);
  if (!chosen.ok()) return chosen.status();
  const bool fastest = chosen->reason == admission::Choice::Reason::kFastest;
  call.selection = fastest ? metrics::SelectionReason::kAutoFastest : metrics::SelectionReason::kAutoMostAccurate;
  call.outcome.response.set_profile_reason(fastest ? "auto: fastest" : "auto: most accurate in time");
  return std::move(chosen->profile);
}

void ClassificationCore::TokenizeItems(ClassifyCall& call) {
  CallOutcome& outcome = call.outcome;
  if (outcome.status = Entrance::CheckStillWanted(*call.cancelled_by, call.deadline); !outcome.status.ok()) return;

  static thread_local tokenizer::Encoding encoding;
  const tokenizer::EncodeOptions encode = {
      .max_tokens = static_cast<size_t>(parts_.registry->checkpoint().config().max_tokens()),
      .truncation = call.settings.truncation};
  size_t bytes = 0, tokens = 0;
  for (int i = 0; i < call.request.items_size(); ++i) {
    const internal::RawItem& item = call.request.items(i);
    v1::ItemResult* result = outcome.response.add_results();
    if (auto problem = ValidateItem(item, FieldOf(call, i), options_.limits)) {
      if (!problem->field.ends_with(".id")) result->set_id(item.id());
      FailItem(call, i, *problem);
      continue;
    }
    result->set_id(item.id());
    const std::optional<std::string_view> pair =
        item.has_text_pair() ? std::optional<std::string_view>(item.text_pair()) : std::nullopt;
    if (absl::Status status = parts_.registry->tokenizer().Encode(item.text(), pair, encode, &encoding); !status.ok()) {
      const std::string field = FieldOf(call, i) + ".text";
      FailItem(call, i, {field, MakeStatus(Situation::kTooManyTokens, absl::StrCat(field, ": ", status.message()))});
      continue;
    }
    bytes += item.text().size() + item.text_pair().size();
    tokens += encoding.ids.size() + encoding.tokens_dropped;
    call.job.token_ids.insert(call.job.token_ids.end(), encoding.ids.begin(), encoding.ids.end());
    call.job.lengths.push_back(encoding.ids.size());
    call.item_of.push_back(i);
    v1::Classification* classification = result->mutable_classification();
    classification->set_token_count(static_cast<uint32_t>(encoding.ids.size()));
    classification->set_truncated(encoding.tokens_dropped > 0);
    classification->set_tokens_dropped(static_cast<uint32_t>(encoding.tokens_dropped));
  }
  if (!call.job.lengths.empty()) parts_.admission->LearnTokens(call.job.lengths.size(), bytes, tokens);
  if (!outcome.problems.empty() && !call.settings.allow_partial) outcome.status = StatusOfProblems(outcome.problems);
}

void ClassificationCore::Enqueue(CallPointer call) {
  batching::Job& job = call->job;
  if (!call->is_part) {
    call->outcome.status =
        parts_.admission->CheckAgain(job.token_ids.size(), job.deadline, parts_.queue->now()(), &call->forecast);
  }
  if (!call->outcome.status.ok()) return Finish(*call);
  const auto labels = static_cast<size_t>(parts_.registry->checkpoint().config().num_labels());
  job.weights = call->profile.profile.get();
  job.cancelled = call->cancelled_by;
  job.backend = std::make_shared<ProfileBackend>(call->profile, labels, parts_.metrics);
  job.outputs_per_item = labels;
  job.done = [this, call](batching::Job&) {
    parts_.tokenizers->PushUrgent([this, call] {
      Collect(*call);
      Finish(*call);
    });
  };
  // From the push on the call may be in other hands.
  const admission::Reservation until_queued = std::move(call->forecast.reservation);
  const bool is_part = call->is_part;
  absl::Status pushed = (is_part ? PushBulkJob : PushJob)(*parts_.queue, {call, &job});
  if (pushed.ok()) {
    if (parts_.brown_out != nullptr && !is_part) parts_.brown_out->WorkArrived();
    return;
  }
  call->outcome.status = absl::IsResourceExhausted(pushed)
                             ? parts_.admission->WithAdvice(std::move(pushed), job.lengths.size(), job.token_ids.size(),
                                                            parts_.queue->now()())
                             : std::move(pushed);
  Finish(*call);
}

void ClassificationCore::Collect(ClassifyCall& call) {
  const batching::Job& job = call.job;
  StampStages(job, &call.clock);
  if (!call.is_part) parts_.admission->Ended(job, call.forecast, parts_.queue->now()());
  if (call.outcome.status = StatusIfDropped(job); !call.outcome.status.ok()) return;
  for (size_t i = 0; i < job.results.size(); ++i) {
    const absl::Status& status = job.results[i].status;
    if (status.ok()) continue;
    const int item = call.item_of[i];
    const std::string field = FieldOf(call, item);
    FailItem(call, item, {field, MakeStatus(Situation::kBackendFailure, absl::StrCat(field, ": ", status.message()))});
  }
  if (!call.outcome.problems.empty() && !call.settings.allow_partial) {
    call.outcome.status = StatusOfProblems(call.outcome.problems);
  }
}

void ClassificationCore::FillResponse(ClassifyCall& call) {
  const checkpoint::ModelConfig& config = parts_.registry->checkpoint().config();
  const auto labels = static_cast<size_t>(config.num_labels());
  const v1::FunctionToApply function = ResolveFunction(call.settings.function, config);
  v1::ClassifyResponse& response = call.outcome.response;
  std::vector<float> scores;
  for (size_t i = 0; i < call.item_of.size(); ++i) {
    v1::ItemResult* result = response.mutable_results(call.item_of[i]);
    if (!result->has_classification()) continue;  // its logits failed
    const absl::Span<const float> logits = absl::MakeConstSpan(call.job.outputs).subspan(i * labels, labels);
    v1::Classification* classification = result->mutable_classification();
    if (call.settings.return_logits) classification->mutable_logits()->Add(logits.begin(), logits.end());
    scores.assign(logits.begin(), logits.end());
    ApplyFunction(function, absl::MakeSpan(scores));
    FillScores(scores, config, call.settings.top_k, classification);
  }
  response.set_model(options_.model_name);
  response.set_model_revision(parts_.registry->checkpoint().revision());
  response.set_batch_items(static_cast<uint32_t>(call.job.largest_batch_items));
}

void ClassificationCore::Record(ClassifyCall& call) {
  CallOutcome& outcome = call.outcome;
  parts_.metrics->calls().Ended({.method = metrics::Method::kClassify,
                                 .profile = call.profile.name,
                                 .code = outcome.status.code(),
                                 .reason = ReasonOf(outcome.status)},
                                call.clock);
  if (call.identity.request_id.empty()) call.identity.request_id = request_log::NewRequestId();
  outcome.response.set_request_id(call.identity.request_id);
  if (parts_.log != nullptr && parts_.log->Wants(outcome.status.code(), call.clock.total_ns())) {
    parts_.log->Write(RecordOf(call, parts_.registry->names()));
  }
}

void ClassificationCore::Finish(ClassifyCall& call) {
  CallOutcome& outcome = call.outcome;
  metrics::ItemMetrics::Items items;
  std::optional<registry::LoadedProfile> shadow;
  if (outcome.status.ok()) {
    FillResponse(call);
    if (parts_.shadow != nullptr) shadow = parts_.shadow->Choose(call.job, call.profile.name);
    outcome.response.set_shadowed(shadow.has_value());
    items.failed = outcome.problems.size();
    items.answered = static_cast<size_t>(outcome.response.results_size()) - items.failed;
    items.tokens = call.job.token_ids.size();
    for (const v1::ItemResult& result : outcome.response.results())
      items.truncated += result.classification().truncated();
  } else {
    items.failed = static_cast<size_t>(call.request.items_size());
  }
  call.forecast.reservation.Release();
  call.clock.End(Phase::kPost);
  v1::Phases* phases = outcome.response.mutable_phases();
  phases->set_tokenize_ns(call.clock.spent_ns(Phase::kTokenize));
  phases->set_queue_ns(call.clock.spent_ns(Phase::kQueue));
  phases->set_form_ns(call.clock.spent_ns(Phase::kForm));
  phases->set_infer_ns(call.clock.spent_ns(Phase::kInfer));
  phases->set_post_ns(call.clock.spent_ns(Phase::kPost));
  phases->set_total_ns(call.clock.total_ns());
  parts_.metrics->items().Count(call.profile.name, items);
  if (!call.is_part) Record(call);
  call.done(outcome);
  call.permit = admission::Permit();  // only now: the server may not stop before the answer is on its way
  if (shadow) parts_.shadow->Run(*shadow, call.job);
}

}  // namespace roberta::service
