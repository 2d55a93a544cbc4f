#include "server/batching/batch.h"

#include <algorithm>
#include <utility>

namespace roberta::batching {

using call::Phase;

void RemoveUnwanted(Batch* batch, std::vector<BatchPart>* expired, std::vector<BatchPart>* cancelled) {
  std::vector<BatchPart> wanted;
  for (BatchPart& part : batch->parts) {
    const Job& job = *part.job;
    const bool is_expired = job.deadline <= batch->taken;
    (IsCancelled(job) ? *cancelled : is_expired ? *expired : wanted).push_back(std::move(part));
  }
  const bool is_changed = wanted.size() < batch->parts.size();
  batch->parts = std::move(wanted);
  if (!is_changed) return;
  batch->items = batch->tokens = 0;
  batch->gathered.reset();
  size_t longest = 0;
  for (const BatchPart& part : batch->parts) {
    batch->items += part.items;
    batch->tokens += part.tokens;
    const auto lengths = absl::MakeConstSpan(part.job->lengths).subspan(part.first_item, part.items);
    longest = std::max(longest, *std::ranges::max_element(lengths));
  }
  if (batch->padded_length > 0) batch->padded_length = longest;
}

GatheredTokens Gather(const Batch& batch) {
  GatheredTokens gathered;
  gathered.token_ids.reserve(batch.tokens);
  gathered.lengths.reserve(batch.items);
  for (const BatchPart& part : batch.parts) {
    const auto tokens = absl::MakeConstSpan(part.job->token_ids).subspan(part.first_token, part.tokens);
    gathered.token_ids.insert(gathered.token_ids.end(), tokens.begin(), tokens.end());
    const auto lengths = absl::MakeConstSpan(part.job->lengths).subspan(part.first_item, part.items);
    gathered.lengths.insert(gathered.lengths.end(), lengths.begin(), lengths.end());
  }
  return gathered;
}

BatchRun RunBatch(const Batch& batch, const std::function<Clock::time_point()>& now, team::Team* team) {
  const Job& first = *batch.parts.front().job;
  const size_t width = first.outputs_per_item;
  BatchRun run;
  if (batch.parts.size() == 1) {  // its sequences follow one another already
    const BatchPart& part = batch.parts.front();
    run.started = now();
    run.statuses = first.backend->Run(
        absl::MakeConstSpan(first.token_ids).subspan(part.first_token, part.tokens),
        absl::MakeConstSpan(first.lengths).subspan(part.first_item, part.items), batch.padded_length,
        absl::MakeSpan(part.job->outputs).subspan(part.first_item * width, part.items * width), team);
    run.ended = now();
    return run;
  }
  GatheredTokens own;
  if (!batch.gathered) own = Gather(batch);
  const GatheredTokens& gathered = batch.gathered ? *batch.gathered : own;
  std::vector<float> outputs(batch.items * width);
  run.started = now();
  run.statuses =
      first.backend->Run(gathered.token_ids, gathered.lengths, batch.padded_length, absl::MakeSpan(outputs), team);
  auto next = outputs.cbegin();
  for (const BatchPart& part : batch.parts) {
    const auto end = next + static_cast<std::ptrdiff_t>(part.items * width);
    std::copy(next, end, part.job->outputs.begin() + static_cast<std::ptrdiff_t>(part.first_item * width));
    next = end;
  }
  run.ended = now();
  return run;
}

std::vector<PhaseEnd> PhasesOf(const std::vector<BatchTimes>& batches) {
  struct Change {
    Clock::time_point time;
    int forming;
    int running;
  };
  std::vector<Change> changes;
  changes.reserve(3 * batches.size());
  for (const BatchTimes& batch : batches) {
    changes.push_back({batch.taken, +1, 0});
    changes.push_back({batch.started, -1, +1});
    changes.push_back({batch.ended, 0, -1});
  }
  std::ranges::stable_sort(changes, {}, &Change::time);

  std::vector<PhaseEnd> phases;
  int forming = 0, running = 0;
  for (const Change& change : changes) {
    const Phase phase = running > 0 ? Phase::kInfer : forming > 0 ? Phase::kForm : Phase::kQueue;
    if (!phases.empty() && phases.back().phase == phase) {
      phases.back().end = change.time;
    } else if (phases.empty() || phases.back().end != change.time) {
      phases.push_back({phase, change.time});
    }
    forming += change.forming;
    running += change.running;
  }
  return phases;
}

}  // namespace roberta::batching
