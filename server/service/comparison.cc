#include "server/service/comparison.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>
#include <optional>
#include <set>

#include "absl/strings/str_cat.h"
#include "absl/types/span.h"
#include "server/call/failure_reason.h"
#include "server/service/admission_control.h"
#include "server/service/call_end.h"
#include "server/service/profile_backend.h"
#include "server/service/profile_selection.h"

namespace roberta::service {

using call::FailureReason;
using call::MakeStatus;
using call::Phase;

namespace {

constexpr int kTimedRuns = 3;

/// A function that an executor calls when its turn comes, as the backend of one item without outputs.
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

void Fail(ComparisonCall& call, const std::string& field, absl::Status status) {
  call.outcome.problems.push_back({field, status});
  call.outcome.status = std::move(status);
}

void FillScoresOf(const ComparedProfile& compared, quality::ScoreFunction function,
                  const checkpoint::ModelConfig& config, std::vector<float>* scores,
                  v1::Classification* classification) {
  *scores = compared.logits;
  quality::ApplyScoreFunction(function, absl::MakeSpan(*scores));
  FillScores(*scores, config, std::nullopt, classification);
}

double LargestDifference(const std::vector<float>& a, const std::vector<float>& b) {
  double largest = 0;
  for (size_t i = 0; i < a.size(); ++i) largest = std::max(largest, std::abs(static_cast<double>(a[i]) - b[i]));
  return largest;
}

}  // namespace

void Comparison::Start(std::shared_ptr<ComparisonCall> call) {
  call->in_flight = parts_.metrics->calls().Started();
  const batching::Clock::time_point now = parts_.queue->now()();
  if (call->outcome.status.ok()) call->outcome.status = parts_.concurrency->Admit(*call, &call->permit);
  if (call->outcome.status.ok()) call->outcome.status = parts_.admission->CheckRate(*call, now);
  if (!call->outcome.status.ok()) return Finish(*call);
  parts_.admission->CountItems(*call, 1, now);
  parts_.tokenizers->Push([this, call = std::move(call)]() mutable {
    call->clock.End(Phase::kQueue);
    Prepare(*call);
    call->clock.End(Phase::kTokenize);
    if (!call->outcome.status.ok()) return Finish(*call);
    Enqueue(std::move(call));
  });
}

void Comparison::Prepare(ComparisonCall& call) const {
  call.outcome.status = CheckStillWanted(call.cancelled, call.deadline);
  if (!call.outcome.status.ok()) return;
  const internal::RawCompareRequest& request = call.request;
  auto problem = ValidateSettings(request.truncation(), request.function_to_apply(), &call.settings);
  if (!problem) problem = ValidateItem(request.item(), "item", parts_.limits);
  if (problem) return Fail(call, problem->field, problem->status);
  SelectProfiles(call);
  if (!call.outcome.status.ok()) return;
  problem = EncodeItem(*parts_.registry, request.item(), "item", call.settings.truncation, &call.encoding);
  if (problem) Fail(call, problem->field, problem->status);
}

void Comparison::SelectProfiles(ComparisonCall& call) const {
  std::vector<std::string> names(call.request.profiles().begin(), call.request.profiles().end());
  if (names.empty()) {
    for (const registry::ProfileStatus& status : parts_.registry->List()) {
      if (status.state == registry::ProfileState::kReady) names.push_back(status.name);
    }
  }
  std::set<std::string> seen;
  for (size_t i = 0; i < names.size(); ++i) {
    const std::string field = absl::StrCat("profiles[", i, "]");
    const auto bad_field = [&](const std::string& message) {
      Fail(call, field, MakeStatus(FailureReason::kBadField, absl::StrCat(field, ": ", message)));
    };
    if (names[i] == kAutoProfile) {
      return bad_field(
          "\"auto\" chooses one profile for a Classify call; name those to compare, or none for all that are READY");
    }
    if (absl::Status known = CheckKnown(*parts_.registry, field, names[i]); !known.ok()) {
      return Fail(call, field, known);
    }
    if (!seen.insert(names[i]).second) return bad_field(absl::StrCat(Quote(names[i]), " is there twice"));
    auto profile = FindProfile(*parts_.registry, field, names[i]);
    ComparedProfile compared = {.name = names[i], .profile = {}, .status = profile.status(), .logits = {}};
    if (profile.ok()) compared.profile = *std::move(profile);
    call.profiles.push_back(std::move(compared));
  }
  auto baseline = parts_.registry->Get(parts_.registry->baseline_name());
  if (!baseline.ok()) return;
  call.baseline.name = baseline->name;
  call.baseline.profile = *std::move(baseline);
}

void Comparison::Enqueue(std::shared_ptr<ComparisonCall> call) {
  batching::Job& job = call->job;
  job.profile = ComparisonIndex(parts_.registry->names());
  job.deadline = SteadyDeadline(call->deadline);
  job.caller = CallerOf(*call);
  job.cancelled = &call->cancelled;
  // A backend of its own makes each comparison a batch of its own.
  job.backend = std::make_shared<RunOnExecutor>([this, call = call.get()] { RunProfiles(*call); });
  job.token_ids = call->encoding.ids;
  job.lengths = {job.token_ids.size()};
  job.done = [this, call](batching::Job& done) {
    const auto end = [this, call, &done] {
      StampPhases(done, &call->clock);
      absl::Status& status = call->outcome.status;
      if (status.ok()) status = StatusIfDropped(done);
      if (status.ok()) FillResponse(*call);
      Finish(*call);
    };
    parts_.tokenizers->Push(end, batching::WorkerPool::Turn::kNext);
  };
  absl::Status pushed = PushJob(parts_, {call, &job});
  if (pushed.ok()) return;
  call->outcome.status = std::move(pushed);
  Finish(*call);
}

void Comparison::RunProfiles(ComparisonCall& call) const {
  if (call.baseline.profile.profile != nullptr) RunTimed(call, &call.baseline);
  for (ComparedProfile& compared : call.profiles) {
    call.outcome.status = CheckStillWanted(call.cancelled, call.deadline);
    if (!call.outcome.status.ok()) return;
    if (!compared.status.ok()) continue;
    if (compared.name == call.baseline.name) {
      compared = call.baseline;
    } else {
      RunTimed(call, &compared);
    }
  }
}

void Comparison::RunTimed(const ComparisonCall& call, ComparedProfile* compared) const {
  using Clock = call::PhaseClock::Clock;
  const size_t length = call.encoding.ids.size();
  const auto labels = static_cast<size_t>(parts_.registry->checkpoint().config().num_labels());
  compared->logits.resize(labels);
  compared->infer_ns = std::numeric_limits<int64_t>::max();
  for (int run = 0; run <= kTimedRuns; ++run) {
    const Clock::time_point start = Clock::now();
    const absl::Status status = RunProfile(*compared->profile.profile, call.encoding.ids,
                                           absl::MakeConstSpan(&length, 1), 0, labels, absl::MakeSpan(compared->logits))
                                    .front();
    const int64_t ns = std::chrono::duration_cast<std::chrono::nanoseconds>(Clock::now() - start).count();
    if (!status.ok()) {
      compared->status = MakeStatus(FailureReason::kBackendFailure, std::string(status.message()));
      return;
    }
    if (run > 0) compared->infer_ns = std::min(compared->infer_ns, std::max<int64_t>(ns, 1));
  }
}

void Comparison::FillResponse(ComparisonCall& call) const {
  const checkpoint::ModelConfig& config = parts_.registry->checkpoint().config();
  const quality::ScoreFunction function = ResolveFunction(call.settings.function, config);
  v1::CompareResponse& response = call.outcome.response;
  const bool with_baseline = call.baseline.profile.profile != nullptr && call.baseline.status.ok();
  v1::Classification expected;
  std::vector<float> expected_scores;
  if (with_baseline) {
    FillScoresOf(call.baseline, function, config, &expected_scores, &expected);
    response.set_baseline_profile(call.baseline.name);
  }
  for (const ComparedProfile& compared : call.profiles) {
    v1::ProfileComparison* comparison = response.add_comparisons();
    comparison->set_profile(compared.name);
    if (!compared.status.ok()) {
      FillStatus(compared.status, comparison->mutable_status());
      continue;
    }
    comparison->set_profile_revision(compared.profile.revision);
    comparison->set_infer_ns(compared.infer_ns);
    v1::Classification* classification = comparison->mutable_classification();
    FillTokens(call.encoding, classification);
    classification->mutable_logits()->Add(compared.logits.begin(), compared.logits.end());
    std::vector<float> scores;
    FillScoresOf(compared, function, config, &scores, classification);
    if (!with_baseline) continue;
    comparison->set_max_abs_dp(LargestDifference(scores, expected_scores));
    comparison->set_same_label(classification->index() == expected.index());
    comparison->set_time_ratio(static_cast<double>(compared.infer_ns) / static_cast<double>(call.baseline.infer_ns));
  }
  response.set_id(call.request.item().id());
  response.set_model(parts_.model_name);
  response.set_model_revision(parts_.registry->checkpoint().revision());
}

void Comparison::Finish(ComparisonCall& call) const {
  call.clock.End(Phase::kPost);
  CountAndLog(parts_, {call::Method::kCompare, /*profile=*/{}, call.outcome.status, call, call.clock},
              [&](request_log::Record* record) { Describe(call, parts_.registry->names(), record); });
  Complete(parts_, call);
}

}  // namespace roberta::service
