#include "server/service/shadow_traffic.h"

#include <algorithm>
#include <memory>
#include <utility>
#include <vector>

#include "profiles/quality/agreement.h"
#include "server/service/profile_backend.h"

namespace roberta::service {

using metrics::ShadowDrop;

ShadowTraffic::ShadowTraffic(ShadowOptions options, Parts parts)
    : options_(std::move(options)), parts_(std::move(parts)), sampler_(options_.fraction, options_.seed) {}

std::optional<registry::LoadedProfile> ShadowTraffic::Choose(const batching::Job& answered,
                                                             const std::string& profile_used) {
  const auto items = static_cast<size_t>(
      std::ranges::count_if(answered.results, [](const batching::ItemResult& result) { return result.status.ok(); }));
  if (items == 0 || profile_used == options_.profile || !sampler_.Draw()) return std::nullopt;
  metrics::ShadowMetrics& counters = parts_.metrics->shadow();
  if (stopped_.load()) {
    counters.CountDropped(ShadowDrop::kDraining, items);
    return std::nullopt;
  }
  auto profile = parts_.registry->Get(options_.profile);
  if (!profile.ok()) {
    counters.CountDropped(ShadowDrop::kNotReady, items);
    return std::nullopt;
  }
  if (items_in_flight_.fetch_add(items) + items > options_.max_items_in_flight) {
    items_in_flight_ -= items;
    counters.CountDropped(ShadowDrop::kLimit, items);
    return std::nullopt;
  }
  return *std::move(profile);
}

void ShadowTraffic::Run(const registry::LoadedProfile& profile, const batching::Job& answered) {
  const size_t labels = answered.outputs_per_item;
  auto job = std::make_shared<batching::Job>();
  job->profile = profile.index;
  job->priority = call::Priority::kShadow;
  job->cancelled = &stopped_;
  job->backend = BackendOf(profile);
  job->outputs_per_item = labels;
  std::vector<float> answer;
  auto token = answered.token_ids.begin();
  auto logits = answered.outputs.begin();
  for (size_t i = 0; i < answered.lengths.size(); ++i) {
    const auto token_end = token + static_cast<std::ptrdiff_t>(answered.lengths[i]);
    const auto logits_end = logits + static_cast<std::ptrdiff_t>(labels);
    if (answered.results[i].status.ok()) {
      job->lengths.push_back(answered.lengths[i]);
      job->token_ids.insert(job->token_ids.end(), token, token_end);
      answer.insert(answer.end(), logits, logits_end);
    }
    token = token_end;
    logits = logits_end;
  }
  const size_t items = job->lengths.size();
  job->done = [this, answer = std::move(answer)](batching::Job& done) { Compare(done, answer); };
  if (parts_.queue->Push(job) == batching::PushResult::kTaken) return;
  items_in_flight_ -= items;
  parts_.metrics->shadow().CountDropped(ShadowDrop::kDraining, items);
}

void ShadowTraffic::Compare(const batching::Job& job, absl::Span<const float> answer) {
  const checkpoint::ModelConfig& config = parts_.registry->checkpoint().config();
  const size_t labels = job.outputs_per_item, items = job.lengths.size();
  std::vector<float> own, expected;
  size_t dropped = 0, failed = 0;
  for (size_t i = 0; i < items; ++i) {
    if (job.results[i].outcome != batching::Outcome::kRan) {
      ++dropped;
    } else if (!job.results[i].status.ok()) {
      ++failed;
    } else {
      const auto at = static_cast<std::ptrdiff_t>(i * labels), end = static_cast<std::ptrdiff_t>((i + 1) * labels);
      own.insert(own.end(), job.outputs.begin() + at, job.outputs.begin() + end);
      expected.insert(expected.end(), answer.begin() + at, answer.begin() + end);
    }
  }
  const size_t differed = quality::CountDifferent(quality::AgreementOf(config), labels, quality::ScoresOf(own, config),
                                                  quality::ScoresOf(expected, config));
  metrics::ShadowMetrics& counters = parts_.metrics->shadow();
  counters.CountCompared(options_.profile, items - dropped - failed - differed, differed);
  counters.CountDropped(ShadowDrop::kDraining, dropped);
  counters.CountDropped(ShadowDrop::kFailed, failed);
  items_in_flight_ -= items;
}

}  // namespace roberta::service
