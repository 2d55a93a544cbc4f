#include "client/cli/item_pipeline.h"

#include <algorithm>
#include <utility>

namespace roberta::cli {

namespace {

using std::chrono::milliseconds;

constexpr milliseconds kPoll{20};       // how late an answer may be noticed while the input is silent
constexpr milliseconds kIdlePoll{200};  // and a stop, while there is nothing else to do

v1::StreamSettings SettingsOf(const v1::ClassifyRequest& request) {
  v1::StreamSettings settings;
  settings.set_profile(request.profile());
  settings.set_truncation(request.truncation());
  settings.set_function_to_apply(request.function_to_apply());
  if (request.has_top_k()) settings.set_top_k(request.top_k());
  settings.set_return_logits(request.return_logits());
  if (request.has_objective()) *settings.mutable_objective() = request.objective();
  return settings;
}

}  // namespace

bool IsLasting(const absl::Status& status) {
  switch (status.code()) {
    case absl::StatusCode::kInvalidArgument:  // of the call: items answer for themselves
    case absl::StatusCode::kNotFound:
    case absl::StatusCode::kFailedPrecondition:
    case absl::StatusCode::kUnimplemented:
    case absl::StatusCode::kUnauthenticated:
    case absl::StatusCode::kPermissionDenied:
    case absl::StatusCode::kUnavailable:  // the client has tried again already
      return true;
    default:
      return false;
  }
}

ItemPipeline::ItemPipeline(client::Client* client, PipelineOptions options)
    : client_(client),
      options_(std::move(options)),
      by_stream_(options_.stream),
      calls_(client,
             {.request = options_.request, .timeout = options_.timeout, .calls_in_flight = options_.calls_in_flight},
             &mailbox_),
      stream_(client,
              {.settings = SettingsOf(options_.request),
               .patience = options_.timeout,
               .parcels = std::max<size_t>(options_.items_in_stream / options_.items_per_call, 2)},
              &mailbox_) {}

void ItemPipeline::Form(Item item) {
  const size_t bytes = item.text.size() + (item.text_pair ? item.text_pair->size() : 0);
  if (forming_bytes_ + bytes > options_.bytes_per_call) Send();
  forming_bytes_ += bytes;
  forming_.items.push_back(std::move(item));
  if (forming_.items.size() >= options_.items_per_call) Send();
}

void ItemPipeline::Send() {
  if (forming_.items.empty()) return;
  Parcel* const parcel = parcels_.emplace_back(std::make_unique<Parcel>()).get();
  parcel->is_large = forming_bytes_ > options_.bytes_per_call;
  parcel->batch = std::exchange(forming_, Batch());
  forming_bytes_ = 0;
  const auto& items = parcel->batch.items;
  parcel->done = std::none_of(items.begin(), items.end(), [](const Item& item) { return item.problem.ok(); });
  if (!parcel->done) unsent_.push_back(parcel);
  Dispatch();
}

void ItemPipeline::Dispatch() {
  {
    const std::lock_guard lock(mailbox_.mutex);
    if (by_stream_ && stream_.IsUnknownToServer()) {  // an older one: what went by stream goes by calls
      by_stream_ = false;
      unsent_.clear();
      for (const auto& parcel : parcels_) {
        if (!parcel->done && parcel->carrier != &calls_) unsent_.push_back(parcel.get());
      }
    }
    if (const absl::Status failure = stream_.failure(); !failure.ok()) refusal_ = failure;
  }
  while (refusal_.ok() && !unsent_.empty()) {
    Parcel* const parcel = unsent_.front();
    {
      const std::lock_guard lock(mailbox_.mutex);
      if (!WayOf(*parcel)->Takes(parcels_.size() - unsent_.size())) return;
    }
    unsent_.pop_front();
    parcel->carrier = WayOf(*parcel);
    parcel->carrier->Send(parcel);
  }
}

void ItemPipeline::GiveUp(const absl::Status& reason) {
  for (Parcel* parcel : unsent_) {
    parcel->batch.answer = reason;
    parcel->done = true;
  }
  unsent_.clear();
}

bool ItemPipeline::TakesMore() {
  return unsent_.empty() ? Way()->Takes(parcels_.size())
                         : WayOf(*unsent_.front())->Takes(parcels_.size() - unsent_.size());
}

void ItemPipeline::WaitForNews(milliseconds patience, const std::function<bool()>& news) {
  {
    std::unique_lock lock(mailbox_.mutex);
    mailbox_.news.wait_for(lock, patience, [&] { return (!parcels_.empty() && parcels_.front()->done) || news(); });
  }
  stream_.Watch();
}

bool ItemPipeline::MayRead() {
  const std::lock_guard lock(mailbox_.mutex);
  return unsent_.empty() && Way()->Takes(parcels_.size());
}

bool ItemPipeline::EmitFinished(const std::function<bool(const Batch&)>& emit) {
  while (!parcels_.empty()) {
    {
      const std::lock_guard lock(mailbox_.mutex);
      if (!parcels_.front()->done) return true;
    }
    const std::unique_ptr<Parcel> parcel = std::move(parcels_.front());
    parcels_.pop_front();
    const auto& answer = parcel->batch.answer;
    if (answer && !answer->ok() && IsLasting(answer->status())) refusal_ = answer->status();
    if (!emit(parcel->batch)) return false;
  }
  return true;
}

ItemPipeline::End ItemPipeline::Finish(End end, const std::function<bool()>& stop_requested,
                                       const std::function<bool(const Batch&)>& emit) {
  bool cancelled = false;
  bool output_works = end != End::kOutputFailed;
  const auto ended = [this] { return unsent_.empty() && parcels_.empty() && stream_.HasEnded(); };
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
    WaitForNews(kPoll, [&] { return ended() || (!unsent_.empty() && TakesMore()); });
    EmitFinished([&](const Batch& batch) {
      if (output_works) output_works = emit(batch);
      return true;
    });
    if (!output_works) end = End::kOutputFailed;
    const std::lock_guard lock(mailbox_.mutex);
    if (ended()) break;
  }
  Dispatch();  // notes what broke the stream, if something did
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
      WaitForNews(kPoll, [this] { return TakesMore(); });
      continue;
    }
    stream_.Watch();
    Item item;
    const milliseconds patience = !forming_.items.empty() ? milliseconds(0) : parcels_.empty() ? kIdlePoll : kPoll;
    switch (source->Next(patience, &item)) {
      case ItemSource::Outcome::kItem:
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
