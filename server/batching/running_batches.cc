#include "server/batching/running_batches.h"

#include <algorithm>

namespace roberta::batching {

void HelpedBatches::Arrived(size_t busy) {
  constexpr double kWeight = 0.125;  // of what came last: some calls in a row decide, one does not
  busy_ += kWeight * (static_cast<double>(busy) - busy_);
}

bool HelpedBatches::MayHelp() const {
  constexpr double kThreadsForEach = 1.5;  // with two executors, two calls of three must be alone
  return (1 + busy_) * kThreadsForEach <= static_cast<double>(1 + most_helpers_);
}

team::SharedWork* HelpedBatches::Started(size_t tokens) {
  if (most_helpers_ == 0) return nullptr;
  const auto free = std::ranges::find(running_, 0u, &RunningBatch::tokens);
  const auto place = static_cast<size_t>(free - running_.begin());
  if (free == running_.end()) {
    places_.push_back(std::make_unique<Place>());
    running_.emplace_back();
  }
  running_[place] = {.tokens = std::max<size_t>(tokens, 1)};
  ++places_[place]->batch;
  places_[place]->helped = places_[place]->joined_at = {};
  return &places_[place]->work;
}

Clock::duration HelpedBatches::Ended(const team::SharedWork* work, Clock::time_point now) {
  const auto found = std::ranges::find_if(places_, [&](const auto& one) { return &one->work == work; });
  if (found == places_.end()) return {};
  Place& place = **found;
  RunningBatch& batch = running_[static_cast<size_t>(found - places_.begin())];
  place.work.Dismiss();
  ++place.batch;  // helpers that leave from now on are not counted
  const auto helpers = static_cast<int64_t>(batch.helpers);
  batch = {};
  return place.helped + helpers * now.time_since_epoch() - place.joined_at;
}

std::optional<HelpedBatches::Helper> HelpedBatches::Joined(Clock::time_point now) {
  const std::optional<size_t> chosen = ToHelp();
  if (!chosen) return std::nullopt;
  Place& place = *places_[*chosen];
  place.joined_at += now.time_since_epoch();
  ++running_[*chosen].helpers;
  ++helpers_;
  return Helper{.work = &place.work, .call = place.work.call(), .place = *chosen, .batch = place.batch, .since = now};
}

void HelpedBatches::Left(const Helper& helper, Clock::time_point now) {
  --helpers_;
  Place& place = *places_[helper.place];
  if (place.batch != helper.batch) return;
  place.helped += now - helper.since;
  place.joined_at -= helper.since.time_since_epoch();
  --running_[helper.place].helpers;
}

void HelpedBatches::CallBack() {
  for (size_t i = 0; i < places_.size(); ++i) {
    if (running_[i].helpers > 0) places_[i]->work.Dismiss();
  }
}

OvertakenPlace* OvertakenBatches::Started(const Batch& batch, const PolicyOptions& options) {
  const BatchPart& first = batch.parts.front();
  if (!MayBeOvertaken(*first.job, first.job->lengths[first.first_item], options)) return nullptr;
  auto place = std::ranges::find_if(places_, [](const auto& one) { return !one->is_taken_; });
  if (place == places_.end()) place = places_.insert(place, std::make_unique<OvertakenPlace>());
  OvertakenPlace& taken = **place;
  taken.is_taken_ = true;
  taken.batch_ = {.priority = first.job->priority, .tokens_left = batch.tokens};
  for (const BatchPart& part : batch.parts) {
    if (call::IsMoreUrgent(part.job->priority, taken.batch_.priority)) taken.batch_.priority = part.job->priority;
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
