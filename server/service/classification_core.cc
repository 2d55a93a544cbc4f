#include "server/service/classification_core.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "absl/strings/str_cat.h"
#include "profiles/tokenizer/tokenizer.h"
#include "server/batching/form_batches.h"
#include "server/service/named_profile.h"
#include "server/service/run_batch.h"
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

/// Without allow_partial the first problem is the call's status; the others travel in its details.
absl::Status StatusOfProblems(const std::vector<FieldProblem>& problems) {
  const absl::Status& first = problems.front().status;
  if (problems.size() == 1) return first;
  const size_t others = problems.size() - 1;
  return absl::Status(first.code(),
                      absl::StrCat(first.message(), " (and ", others, " more bad item", others > 1 ? "s" : "", ")"));
}

}  // namespace

ClassificationCore::ClassificationCore(CoreOptions options, const Parts& parts)
    : options_(std::move(options)), parts_(parts) {}

void ClassificationCore::Start(std::shared_ptr<ClassifyCall> call) {
  parts_.metrics->CallStarted();
  if (absl::Status admitted = parts_.entrance->Admit(&call->permit); !admitted.ok()) {
    call->outcome.status = std::move(admitted);
    return Finish(*call);
  }
  parts_.tokenizers->Push([this, call = std::move(call)]() mutable {
    call->clock.End(Phase::kQueue);
    TokenizeItems(*call);
    call->clock.End(Phase::kTokenize);
    if (!call->outcome.status.ok() || call->lengths.empty()) return Finish(*call);
    parts_.executors->Push([this, call = std::move(call)]() mutable {
      call->clock.End(Phase::kQueue);
      RunBatches(*call);
      call->clock.End(Phase::kInfer);
      parts_.tokenizers->PushUrgent([this, call = std::move(call)] {
        call->clock.End(Phase::kQueue);
        Finish(*call);
      });
    });
  });
}

absl::Status ClassificationCore::ChooseProfile(ClassifyCall& call) {
  v1::ClassifyResponse& response = call.outcome.response;
  const bool in_request = !call.request.profile().empty();
  const std::string& name = in_request ? call.request.profile() : call.metadata_profile;
  const std::string field = in_request ? "profile" : "metadata x-profile";
  absl::StatusOr<registry::LoadedProfile> profile;
  if (name.empty()) {
    profile = parts_.registry->GetDefault();
    if (!profile.ok()) profile = MakeStatus(Situation::kProfileNotReady, std::string(profile.status().message()));
    response.set_profile_reason("default");
  } else {
    profile = FindProfile(*parts_.registry, field, name);
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

void ClassificationCore::TokenizeItems(ClassifyCall& call) {
  CallOutcome& outcome = call.outcome;
  if (outcome.status = Entrance::CheckStillWanted(call.cancelled, call.deadline); !outcome.status.ok()) return;
  if (auto problem = ValidateCall(call.request, options_.limits, &call.settings)) {
    outcome.status = problem->status;
    outcome.problems.push_back(*std::move(problem));
    return;
  }
  if (outcome.status = ChooseProfile(call); !outcome.status.ok()) return;

  static thread_local tokenizer::Encoding encoding;
  const tokenizer::EncodeOptions encode = {
      .max_tokens = static_cast<size_t>(parts_.registry->checkpoint().config().max_tokens()),
      .truncation = call.settings.truncation};
  for (int i = 0; i < call.request.items_size(); ++i) {
    const internal::RawItem& item = call.request.items(i);
    v1::ItemResult* result = outcome.response.add_results();
    if (auto problem = ValidateItem(item, absl::StrCat("items[", i, "]"), options_.limits)) {
      if (!problem->field.ends_with(".id")) result->set_id(item.id());
      FailItem(call, i, *problem);
      continue;
    }
    result->set_id(item.id());
    const std::optional<std::string_view> pair =
        item.has_text_pair() ? std::optional<std::string_view>(item.text_pair()) : std::nullopt;
    if (absl::Status status = parts_.registry->tokenizer().Encode(item.text(), pair, encode, &encoding); !status.ok()) {
      const std::string field = absl::StrCat("items[", i, "].text");
      FailItem(call, i, {field, MakeStatus(Situation::kTooManyTokens, absl::StrCat(field, ": ", status.message()))});
      continue;
    }
    call.token_ids.insert(call.token_ids.end(), encoding.ids.begin(), encoding.ids.end());
    call.lengths.push_back(encoding.ids.size());
    call.item_of.push_back(i);
    v1::Classification* classification = result->mutable_classification();
    classification->set_token_count(static_cast<uint32_t>(encoding.ids.size()));
    classification->set_truncated(encoding.tokens_dropped > 0);
    classification->set_tokens_dropped(static_cast<uint32_t>(encoding.tokens_dropped));
  }
  if (!outcome.problems.empty() && !call.settings.allow_partial) outcome.status = StatusOfProblems(outcome.problems);
}

void ClassificationCore::RunBatches(ClassifyCall& call) {
  if (call.outcome.status = Entrance::CheckStillWanted(call.cancelled, call.deadline); !call.outcome.status.ok())
    return;
  const auto labels = static_cast<size_t>(parts_.registry->checkpoint().config().num_labels());
  call.logits.resize(call.lengths.size() * labels);
  const std::vector<batching::BatchRange> batches = batching::FormBatches(call.lengths, options_.max_batch_tokens);
  call.clock.End(Phase::kForm);
  size_t first_token = 0;
  for (const batching::BatchRange& range : batches) {
    if (call.outcome.status = Entrance::CheckStillWanted(call.cancelled, call.deadline); !call.outcome.status.ok())
      return;
    const absl::Span<const size_t> lengths =
        absl::MakeConstSpan(call.lengths).subspan(range.begin, range.end - range.begin);
    size_t tokens = 0;
    for (size_t length : lengths) tokens += length;
    const absl::Span<float> logits = absl::MakeSpan(call.logits).subspan(range.begin * labels, lengths.size() * labels);
    const std::vector<absl::Status> statuses =
        RunBatch(*call.profile.profile, absl::MakeConstSpan(call.token_ids).subspan(first_token, tokens), lengths,
                 labels, logits);
    for (size_t i = 0; i < statuses.size(); ++i) {
      if (statuses[i].ok()) continue;
      const int item = call.item_of[range.begin + i];
      const std::string field = absl::StrCat("items[", item, "]");
      FailItem(call, item,
               {field, MakeStatus(Situation::kBackendFailure, absl::StrCat(field, ": ", statuses[i].message()))});
    }
    parts_.metrics->CountBatch(call.profile.name, lengths.size(), tokens);
    call.largest_batch_items = std::max(call.largest_batch_items, lengths.size());
    first_token += tokens;
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
  for (size_t i = 0; i < call.item_of.size(); ++i) {
    v1::ItemResult* result = response.mutable_results(call.item_of[i]);
    if (!result->has_classification()) continue;  // its logits failed
    const absl::Span<float> logits = absl::MakeSpan(call.logits).subspan(i * labels, labels);
    v1::Classification* classification = result->mutable_classification();
    if (call.settings.return_logits) classification->mutable_logits()->Add(logits.begin(), logits.end());
    ApplyFunction(function, logits);
    FillScores(logits, config, call.settings.top_k, classification);
  }
  response.set_model(options_.model_name);
  response.set_model_revision(parts_.registry->checkpoint().revision());
  response.set_batch_items(static_cast<uint32_t>(call.largest_batch_items));
}

void ClassificationCore::Finish(ClassifyCall& call) {
  CallOutcome& outcome = call.outcome;
  metrics::ServerMetrics::Items items;
  if (outcome.status.ok()) {
    FillResponse(call);
    items.failed = outcome.problems.size();
    items.answered = static_cast<size_t>(outcome.response.results_size()) - items.failed;
    items.tokens = call.token_ids.size();
    for (const v1::ItemResult& result : outcome.response.results())
      items.truncated += result.classification().truncated();
  } else {
    items.failed = static_cast<size_t>(call.request.items_size());
  }
  call.clock.End(Phase::kPost);
  v1::Phases* phases = outcome.response.mutable_phases();
  phases->set_tokenize_ns(call.clock.spent_ns(Phase::kTokenize));
  phases->set_queue_ns(call.clock.spent_ns(Phase::kQueue));
  phases->set_form_ns(call.clock.spent_ns(Phase::kForm));
  phases->set_infer_ns(call.clock.spent_ns(Phase::kInfer));
  phases->set_post_ns(call.clock.spent_ns(Phase::kPost));
  phases->set_total_ns(call.clock.total_ns());
  parts_.metrics->CountItems(call.profile.name, items);
  parts_.metrics->CallEnded(metrics::Method::kClassify, call.profile.name, outcome.status.code(), call.clock);
  call.done(outcome);
  call.permit = admission::Permit();  // only now: the server may not stop before the answer is on its way
}

}  // namespace roberta::service
