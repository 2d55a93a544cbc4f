#include "server/service/call_end.h"

#include <algorithm>
#include <chrono>
#include <numeric>
#include <set>

#include "absl/strings/str_join.h"
#include "server/call/failure_reason.h"
#include "server/service/profile_selection.h"

namespace roberta::service {

using request_log::Record;
using request_log::Work;

quality::ScoreFunction ResolveFunction(v1::FunctionToApply function, const checkpoint::ModelConfig& config) {
  using enum quality::ScoreFunction;
  const quality::ScoreFunction functions[] = {quality::ScoreFunctionOf(config), kSoftmax, kSigmoid, kNone};
  static_assert(std::size(functions) == v1::FunctionToApply_ARRAYSIZE);
  return functions[function];
}

void FillScores(absl::Span<const float> scores, const checkpoint::ModelConfig& config, std::optional<size_t> top_k,
                v1::Classification* classification) {
  std::vector<size_t> order(scores.size());
  std::iota(order.begin(), order.end(), size_t{0});
  const size_t kept = std::min(top_k.value_or(scores.size()), scores.size());
  std::partial_sort(order.begin(), order.begin() + static_cast<std::ptrdiff_t>(kept), order.end(),
                    [&](size_t a, size_t b) { return scores[a] != scores[b] ? scores[a] > scores[b] : a < b; });
  for (size_t i = 0; i < kept; ++i) {
    v1::Score* score = classification->add_scores();
    score->set_label(config.labels[order[i]]);
    score->set_index(static_cast<int32_t>(order[i]));
    score->set_score(scores[order[i]]);
  }
  classification->set_label(config.labels[order[0]]);
  classification->set_index(static_cast<int32_t>(order[0]));
  classification->set_score(scores[order[0]]);
}

void FillTokens(const tokenizer::Encoding& encoding, v1::Classification* classification) {
  classification->set_token_count(static_cast<uint32_t>(encoding.ids.size()));
  classification->set_truncated(encoding.tokens_dropped > 0);
  classification->set_tokens_dropped(static_cast<uint32_t>(encoding.tokens_dropped));
}

void FillClassifications(const checkpoint::ModelConfig& config, ClassifyCall& call) {
  const auto labels = static_cast<size_t>(config.num_labels());
  const quality::ScoreFunction function = ResolveFunction(call.settings.function, config);
  std::vector<float> scores;
  for (size_t i = 0; i < call.item_of.size(); ++i) {
    v1::ItemResult* result = call.outcome.response.mutable_results(call.item_of[i]);
    if (!result->has_classification()) continue;  // its logits failed
    const absl::Span<const float> logits = absl::MakeConstSpan(call.job.outputs).subspan(i * labels, labels);
    v1::Classification* classification = result->mutable_classification();
    if (call.settings.return_logits) classification->mutable_logits()->Add(logits.begin(), logits.end());
    scores.assign(logits.begin(), logits.end());
    quality::ApplyScoreFunction(function, absl::MakeSpan(scores));
    FillScores(scores, config, call.settings.top_k, classification);
  }
}

void FillPhases(const std::array<int64_t, call::kPhases>& spent_ns, v1::Phases* phases) {
  const auto [tokenize, queue, form, infer, post] = spent_ns;
  phases->set_tokenize_ns(tokenize);
  phases->set_queue_ns(queue);
  phases->set_form_ns(form);
  phases->set_infer_ns(infer);
  phases->set_post_ns(post);
  phases->set_total_ns(tokenize + queue + form + infer + post);
}

void FillStatus(const absl::Status& status, google::rpc::Status* written) {
  written->set_code(static_cast<int32_t>(status.code()));
  written->set_message(std::string(status.message()));
}

std::string LoggedName(const std::string& name, const std::vector<std::string>& known) {
  if (name.empty() || name == kAutoProfile || std::ranges::find(known, name) != known.end()) return name;
  return "(unknown)";
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
  record.request_id = ended.head.identity.request_id;
  record.trace_id = ended.head.identity.trace_id;
  if (CallerOf(ended.head) > 0) record.caller = ended.head.caller->name;
  record.total_ns = ended.clock.total_ns();
  record.length_is_the_clients = is_stream;
  record.ended = std::chrono::steady_clock::now();
  describe(&record);
  parts.log->Write(record);
}

Work WorkOf(const ClassifyCall& call) {
  const CallOutcome& outcome = call.outcome;
  Work work;
  work.items = static_cast<size_t>(call.request.items_size());
  work.failed_items = outcome.status.ok() ? outcome.problems.size() : work.items;
  work.tokens = call.job.token_ids.size();
  for (const v1::ItemResult& result : outcome.response.results()) {
    work.truncated_items += result.classification().truncated();
  }
  work.priority = call::NameOf(call.settings.priority);
  work.batch_items = call.job.largest_batch_items;
  work.phase_ns = call.clock.spent_ns();
  return work;
}

void Describe(const ClassifyCall& call, const std::vector<std::string>& known, Record* record) {
  const std::string& in_request = call.request.profile();
  record->profile_requested = LoggedName(in_request.empty() ? call.metadata_profile : in_request, known);
  record->profile = call.profile.name;
  record->work = WorkOf(call);
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
