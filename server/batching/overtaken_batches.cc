#include "server/batching/overtaken_batches.h"

#include <algorithm>

namespace roberta::batching {

namespace {

/// Shadow traffic is less urgent than anything, though its value is the highest.
bool IsMoreUrgent(Priority a, Priority b) {
  if (a == Priority::kShadow || b == Priority::kShadow) return b == Priority::kShadow && a != b;
  return a > b;
}

}  // namespace

OvertakenPlace* OvertakenBatches::Started(const Batch& batch, const PolicyOptions& options) {
  const BatchPart& first = batch.parts.front();
  if (!MayBeOvertaken(*first.job, first.job->lengths[first.first_item], options)) return nullptr;
  auto place = std::find_if(places_.begin(), places_.end(), [](const auto& one) { return !one->is_taken_; });
  if (place == places_.end()) place = places_.insert(place, std::make_unique<OvertakenPlace>());
  OvertakenPlace& taken = **place;
  taken.is_taken_ = true;
  taken.batch_ = {.priority = first.job->priority, .tokens_left = batch.tokens};
  for (const BatchPart& part : batch.parts) {
    if (IsMoreUrgent(part.job->priority, taken.batch_.priority)) taken.batch_.priority = part.job->priority;
  }
  return &taken;
}

void OvertakenBatches::Ended(OvertakenPlace* place) {
  if (place == nullptr) return;
  Refuse(place);
  place->is_taken_ = false;
}

void OvertakenBatches::Ask() {
  for (const auto& place : places_) {
    if (place->is_taken_ && place->batch_.tokens_left > 0) place->wanted_.store(true, std::memory_order_relaxed);
  }
}

void OvertakenBatches::Count(OvertakenPlace* place, size_t tokens) {
  place->batch_.tokens_left -= std::min(tokens, place->batch_.tokens_left);
}

}  // namespace roberta::batching
