#include "client/cli/item_pipeline.h"

#include <algorithm>
#include <utility>

namespace roberta::cli {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds kPoll{20};       // by how much an answer may be noticed late while no input comes
constexpr milliseconds kIdlePoll{200};  // by how much a stop may be, while there is nothing else to do

v1::ClassifyRequest RequestOf(const PipelineOptions& options) {
  v1::ClassifyRequest request = options.request;
  if (options.priority) request.set_priority(*options.priority);
  return request;
}

v1::StreamSettings SettingsOf(const PipelineOptions& options) {
  const v1::ClassifyRequest& request = options.request;
  v1::StreamSettings settings;
  settings.set_profile(request.profile());
  settings.set_truncation(request.truncation());
  settings.set_function_to_apply(request.function_to_apply());
  if (request.has_top_k()) settings.set_top_k(request.top_k());
  settings.set_return_logits(request.return_logits());
  if (options.priority) settings.set_priority(*options.priority);
  if (request.has_objective()) *settings.mutable_objective() = request.objective();
  return settings;
}

}  // namespace

ItemPipeline::ItemPipeline(client::Client* client, PipelineOptions options)
    : client_(client),
      options_(std::move(options)),
      by_stream_(options_.stream),
      calls_(client,
             {.request = RequestOf(options_), .timeout = options_.timeout, .calls_in_flight = options_.calls_in_flight},
             &completions_),
      stream_(client,
              {.settings = SettingsOf(options_),
               .patience = options_.timeout,
               .batches = std::max<size_t>(options_.items_in_stream / options_.items_per_call, 2)},
              &completions_) {}

void ItemPipeline::Form(Item item) {
  const size_t bytes = item.text.size() + (item.text_pair ? item.text_pair->size() : 0);
  if (forming_bytes_ + bytes > options_.bytes_per_call) Send();
  forming_bytes_ += bytes;
  forming_.items.push_back(std::move(item));
  if (forming_.items.size() >= options_.items_per_call) Send();
}

void ItemPipeline::Send() {
  if (forming_.items.empty()) return;
  InFlightBatch* const in_flight = batches_.emplace_back(std::make_unique<InFlightBatch>()).get();
  in_flight->is_large = forming_bytes_ > options_.bytes_per_call;
  in_flight->batch = std::exchange(forming_, Batch());
  forming_bytes_ = 0;
  const auto& items = in_flight->batch.items;
  in_flight->done = std::ranges::none_of(items, [](const Item& item) { return item.problem.ok(); });
  if (!in_flight->done) unsent_.push_back(in_flight);
  Dispatch();
}

void ItemPipeline::Dispatch() {
  {
    const std::lock_guard lock(completions_.mutex);
    if (by_stream_ && stream_.IsUnknownToServer()) {  // an older server: batches that went by stream go by calls
      by_stream_ = false;
      unsent_.clear();
      for (const auto& in_flight : batches_) {
        if (!in_flight->done && in_flight->carrier != &calls_) unsent_.push_back(in_flight.get());
      }
    }
    if (const absl::Status failure = stream_.failure(); !failure.ok()) refusal_ = failure;
  }
  while (refusal_.ok() && !unsent_.empty()) {
    InFlightBatch* const in_flight = unsent_.front();
    {
      const std::lock_guard lock(completions_.mutex);
      if (!WayOf(*in_flight)->Takes(batches_.size() - unsent_.size())) return;
    }
    unsent_.pop_front();
    in_flight->carrier = WayOf(*in_flight);
    in_flight->carrier->Send(in_flight);
  }
}

void ItemPipeline::GiveUp(const absl::Status& reason) {
  for (InFlightBatch* in_flight : unsent_) {
    in_flight->batch.answer = reason;
    in_flight->done = true;
  }
  unsent_.clear();
}

bool ItemPipeline::TakesMore() {
  return unsent_.empty() ? Way()->Takes(batches_.size())
                         : WayOf(*unsent_.front())->Takes(batches_.size() - unsent_.size());
}

void ItemPipeline::WaitForChange(milliseconds patience, const std::function<bool()>& changed) {
  {
    std::unique_lock lock(completions_.mutex);
    completions_.changed.wait_for(lock, patience,
                                  [&] { return (!batches_.empty() && batches_.front()->done) || changed(); });
  }
  stream_.Watch();
}

bool ItemPipeline::MayRead() {
  const std::lock_guard lock(completions_.mutex);
  return unsent_.empty() && Way()->Takes(batches_.size());
}

bool ItemPipeline::EmitFinished(const std::function<bool(const Batch&)>& emit) {
  while (!batches_.empty()) {
    {
      const std::lock_guard lock(completions_.mutex);
      if (!batches_.front()->done) return true;
    }
    const std::unique_ptr<InFlightBatch> in_flight = std::move(batches_.front());
    batches_.pop_front();
    const auto& answer = in_flight->batch.answer;
    if (answer && !answer->ok() && IsLasting(answer->status())) refusal_ = answer->status();
    if (!emit(in_flight->batch)) return false;
  }
  return true;
}

ItemPipeline::End ItemPipeline::Finish(End end, const std::function<bool()>& stop_requested,
                                       const std::function<bool(const Batch&)>& emit) {
  bool cancelled = false;
  bool output_works = end != End::kOutputFailed;
  const auto ended = [this] { return unsent_.empty() && batches_.empty() && stream_.HasEnded(); };
  while (true) {
    if (stop_requested() && end != End::kOutputFailed) end = End::kStopRequested;
    const bool may_wait = end == End::kDone || end == End::kRefused || end == End::kInputFailed;
    if (!may_wait && !std::exchange(cancelled, true)) {
      GiveUp(absl::CancelledError("stopped before it was sent"));
      client_->CancelCalls();
    }
    Dispatch();
    if (!refusal_.ok()) GiveUp(refusal_);
    if (unsent_.empty()) stream_.Close();
    WaitForChange(kPoll, [&] { return ended() || (!unsent_.empty() && TakesMore()); });
    EmitFinished([&](const Batch& batch) {
      if (output_works) output_works = emit(batch);
      return true;
    });
    if (!output_works) end = End::kOutputFailed;
    const std::lock_guard lock(completions_.mutex);
    if (ended()) break;
  }
  Dispatch();  // takes the reason where the stream broke
  return end == End::kDone && !refusal_.ok() ? End::kRefused : end;
}

ItemPipeline::End ItemPipeline::Run(ItemSource* source, const std::function<bool()>& stop_requested,
                                    const std::function<bool(const Batch&)>& emit) {
  const auto finish = [&](End end) { return Finish(end, stop_requested, emit); };
  while (true) {
    if (!EmitFinished(emit)) return finish(End::kOutputFailed);
    if (stop_requested()) return finish(End::kStopRequested);
    Dispatch();
    if (!refusal_.ok()) return finish(End::kRefused);
    if (!MayRead()) {
      WaitForChange(kPoll, [this] { return TakesMore(); });
      continue;
    }
    stream_.Watch();
    Item item;
    const milliseconds patience = !forming_.items.empty() ? milliseconds(0) : batches_.empty() ? kIdlePoll : kPoll;
    switch (source->Next(patience, &item)) {
      case ItemSource::Outcome::kRow:
        Form(std::move(item));
        break;
      case ItemSource::Outcome::kNothingYet:
        Send();
        break;
      case ItemSource::Outcome::kEnd:
        Send();
        return finish(End::kDone);
      case ItemSource::Outcome::kFailed:
        Send();
        return finish(End::kInputFailed);
    }
  }
}

}  // namespace roberta::cli
