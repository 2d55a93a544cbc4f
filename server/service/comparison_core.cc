#include "server/service/comparison_core.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>
#include <optional>
#include <set>
#include <string_view>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/types/span.h"
#include "server/service/auto_profile.h"
#include "server/service/call_records.h"
#include "server/service/named_profile.h"
#include "server/service/queued_job.h"
#include "server/service/run_batch.h"
#include "server/service/scores.h"
#include "server/service/situations.h"

namespace roberta::service {

using metrics::Phase;

namespace {

constexpr int kTimedRuns = 3;

/// Anything that an executor should do in its turn, as the backend of one item without outputs.
class RunOnExecutor final : public batching::Backend {
 public:
  explicit RunOnExecutor(std::function<void()> run) : run_(std::move(run)) {}

  std::vector<absl::Status> Run(absl::Span<const int32_t>, absl::Span<const size_t> lengths, size_t, absl::Span<float>,
                                team::Team*) const override {
    run_();
    return std::vector<absl::Status>(lengths.size());
  }

 private:
  const std::function<void()> run_;
};

void Fail(ComparisonCall& call, FieldProblem problem) {
  call.status = problem.status;
  call.problems.push_back(std::move(problem));
}

}  // namespace

void ComparisonCore::Start(std::shared_ptr<ComparisonCall> call) {
  parts_.metrics->calls().Started();
  call->status = parts_.entrance->Admit(&call->permit);
  if (!call->status.ok()) return Finish(*call);
  parts_.tokenizers->Push([this, call = std::move(call)]() mutable {
    call->clock.End(Phase::kQueue);
    Prepare(*call);
    call->clock.End(Phase::kTokenize);
    if (!call->status.ok()) return Finish(*call);
    Enqueue(std::move(call));
  });
}

void ComparisonCore::Refuse(const std::shared_ptr<ComparisonCall>& call, absl::Status status) const {
  parts_.metrics->calls().Started();
  call->status = std::move(status);
  Finish(*call);
}

void ComparisonCore::Enqueue(std::shared_ptr<ComparisonCall> call) {
  batching::Job& job = call->job;
  job.profile = parts_.registry->names().size();
  job.weights = call.get();  // each is a batch of its own
  job.deadline = SteadyDeadline(call->deadline);
  job.cancelled = &call->cancelled;
  job.backend = std::make_shared<RunOnExecutor>([this, call = call.get()] { Run(*call); });
  job.token_ids = call->encoding.ids;
  job.lengths = {job.token_ids.size()};
  job.done = [this, call](batching::Job& done) {
    parts_.tokenizers->PushUrgent([this, call, &done] {
      StampStages(done, &call->clock);
      if (call->status.ok()) call->status = StatusIfDropped(done);
      if (call->status.ok()) FillResponse(*call);
      Finish(*call);
    });
  };
  absl::Status pushed = PushJob(*parts_.queue, {call, &job});
  if (pushed.ok()) return;
  call->status = absl::IsResourceExhausted(pushed)
                     ? parts_.admission->WithAdvice(std::move(pushed), 1, job.token_ids.size(), parts_.queue->now()())
                     : std::move(pushed);
  Finish(*call);
}

void ComparisonCore::Prepare(ComparisonCall& call) const {
  call.status = Entrance::CheckStillWanted(call.cancelled, call.deadline);
  if (!call.status.ok()) return;
  const internal::RawCompareRequest& request = call.request;
  if (auto problem = ValidateSettings(request.truncation(), request.function_to_apply(), &call.settings)) {
    return Fail(call, *std::move(problem));
  }
  if (auto problem = ValidateItem(request.item(), "item", limits_)) return Fail(call, *std::move(problem));
  ChooseProfiles(call);
  if (!call.status.ok()) return;
  std::optional<std::string_view> pair;
  if (request.item().has_text_pair()) pair = request.item().text_pair();
  const tokenizer::EncodeOptions options = {
      .max_tokens = static_cast<size_t>(parts_.registry->checkpoint().config().max_tokens()),
      .truncation = call.settings.truncation};
  const absl::Status encoded =
      parts_.registry->tokenizer().Encode(request.item().text(), pair, options, &call.encoding);
  if (!encoded.ok()) {
    Fail(call, {"item.text", MakeStatus(Situation::kTooManyTokens, absl::StrCat("item.text: ", encoded.message()))});
  }
}

void ComparisonCore::ChooseProfiles(ComparisonCall& call) const {
  std::vector<std::string> names(call.request.profiles().begin(), call.request.profiles().end());
  if (names.empty()) {
    for (const registry::ProfileStatus& status : parts_.registry->List()) {
      if (status.state == registry::ProfileState::kReady) names.push_back(status.name);
    }
  }
  std::set<std::string> seen;
  for (size_t i = 0; i < names.size(); ++i) {
    const std::string field = absl::StrCat("profiles[", i, "]");
    if (names[i] == kAutoProfile) {
      return Fail(call, {field, MakeStatus(Situation::kBadField,
                                           absl::StrCat(field,
                                                        ": \"auto\" chooses one profile for a Classify call; "
                                                        "name those to compare, or none for all that are READY"))});
    }
    if (absl::Status known = CheckKnown(*parts_.registry, field, names[i]); !known.ok()) {
      return Fail(call, {field, known});
    }
    if (!seen.insert(names[i]).second) {
      return Fail(call, {field, MakeStatus(Situation::kBadField,
                                           absl::StrCat(field, ": ", Quote(names[i]), " is there twice"))});
    }
    Contestant contestant;
    contestant.name = names[i];
    auto profile = FindProfile(*parts_.registry, field, names[i]);
    contestant.status = profile.status();
    if (profile.ok()) contestant.profile = *std::move(profile);
    call.contestants.push_back(std::move(contestant));
  }
  auto baseline = parts_.registry->Get(parts_.registry->baseline_name());
  if (!baseline.ok()) return;
  call.baseline.name = baseline->name;
  call.baseline.profile = *std::move(baseline);
}

void ComparisonCore::Run(ComparisonCall& call) const {
  if (call.baseline.profile.profile != nullptr) RunOne(call, &call.baseline);
  for (Contestant& contestant : call.contestants) {
    call.status = Entrance::CheckStillWanted(call.cancelled, call.deadline);
    if (!call.status.ok()) return;
    if (!contestant.status.ok()) continue;
    if (contestant.name == call.baseline.name) {
      contestant = call.baseline;
    } else {
      RunOne(call, &contestant);
    }
  }
}

void ComparisonCore::RunOne(const ComparisonCall& call, Contestant* contestant) const {
  using Clock = metrics::PhaseClock::Clock;
  const size_t length = call.encoding.ids.size();
  const auto labels = static_cast<size_t>(parts_.registry->checkpoint().config().num_labels());
  contestant->logits.resize(labels);
  contestant->infer_ns = std::numeric_limits<int64_t>::max();
  for (int run = 0; run <= kTimedRuns; ++run) {
    const Clock::time_point start = Clock::now();
    const absl::Status status = RunBatch(*contestant->profile.profile, call.encoding.ids,
                                         absl::MakeConstSpan(&length, 1), 0, labels, absl::MakeSpan(contestant->logits))
                                    .front();
    const int64_t ns = std::chrono::duration_cast<std::chrono::nanoseconds>(Clock::now() - start).count();
    if (!status.ok()) {
      contestant->status = MakeStatus(Situation::kBackendFailure, std::string(status.message()));
      return;
    }
    if (run > 0) contestant->infer_ns = std::min(contestant->infer_ns, std::max<int64_t>(ns, 1));
  }
}

void ComparisonCore::FillResponse(ComparisonCall& call) const {
  const checkpoint::ModelConfig& config = parts_.registry->checkpoint().config();
  const v1::FunctionToApply function = ResolveFunction(call.settings.function, config);
  const bool compared = call.baseline.profile.profile != nullptr && call.baseline.status.ok();
  v1::Classification baseline;
  std::vector<float> expected = call.baseline.logits;
  if (compared) {
    ApplyFunction(function, absl::MakeSpan(expected));
    FillScores(expected, config, std::nullopt, &baseline);
    call.response.set_baseline_profile(call.baseline.name);
  }
  for (const Contestant& contestant : call.contestants) {
    v1::ProfileComparison* comparison = call.response.add_comparisons();
    comparison->set_profile(contestant.name);
    if (!contestant.status.ok()) {
      comparison->mutable_status()->set_code(static_cast<int32_t>(contestant.status.code()));
      comparison->mutable_status()->set_message(std::string(contestant.status.message()));
      continue;
    }
    comparison->set_profile_revision(contestant.profile.revision);
    comparison->set_infer_ns(contestant.infer_ns);
    v1::Classification* classification = comparison->mutable_classification();
    classification->set_token_count(static_cast<uint32_t>(call.encoding.ids.size()));
    classification->set_truncated(call.encoding.tokens_dropped > 0);
    classification->set_tokens_dropped(static_cast<uint32_t>(call.encoding.tokens_dropped));
    classification->mutable_logits()->Add(contestant.logits.begin(), contestant.logits.end());
    std::vector<float> scores = contestant.logits;
    ApplyFunction(function, absl::MakeSpan(scores));
    FillScores(scores, config, std::nullopt, classification);
    if (!compared) continue;
    double largest = 0;
    for (size_t i = 0; i < scores.size(); ++i) {
      largest = std::max(largest, std::abs(static_cast<double>(scores[i]) - expected[i]));
    }
    comparison->set_max_abs_dp(largest);
    comparison->set_same_label(classification->index() == baseline.index());
    comparison->set_time_ratio(static_cast<double>(contestant.infer_ns) / static_cast<double>(call.baseline.infer_ns));
  }
  call.response.set_id(call.request.item().id());
  call.response.set_model(model_name_);
  call.response.set_model_revision(parts_.registry->checkpoint().revision());
}

void ComparisonCore::Finish(ComparisonCall& call) const {
  call.clock.End(Phase::kPost);
  parts_.metrics->calls().Ended(
      {.method = metrics::Method::kCompare, .code = call.status.code(), .reason = ReasonOf(call.status)}, call.clock);
  if (parts_.log != nullptr && parts_.log->Wants(call.status.code(), call.clock.total_ns())) {
    parts_.log->Write(RecordOf(call, parts_.registry->names()));
  }
  call.done(call);
  call.permit = admission::Permit();  // only now: the server may not stop before the answer is on its way
}

}  // namespace roberta::service
