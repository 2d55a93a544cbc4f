#include "client/cli/item_pipeline.h"

#include <algorithm>
#include <utility>

namespace roberta::cli {

namespace {

using std::chrono::milliseconds;

constexpr milliseconds kPoll{20};       // how late an answer may be noticed while the input is silent
constexpr milliseconds kIdlePoll{200};  // and a stop, while there is nothing else to do

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

void ItemPipeline::Send() {
  if (forming_.items.empty()) return;
  v1::ClassifyRequest request = options_.request;
  request.set_allow_partial(true);
  for (const Item& item : forming_.items) {
    if (!item.problem.ok()) continue;
    v1::Item* sent = request.add_items();
    sent->set_text(item.text);
    if (item.text_pair) sent->set_text_pair(*item.text_pair);
  }
  calls_.push_back(std::make_unique<Call>());
  Call* call = calls_.back().get();
  call->batch = std::exchange(forming_, Batch());
  forming_bytes_ = 0;
  if (request.items().empty()) {
    call->done = true;
    return;
  }
  client_->StartClassify(std::move(request), options_.timeout,
                         [this, call](absl::StatusOr<v1::ClassifyResponse> answer) {
                           const std::lock_guard lock(mutex_);
                           call->batch.answer = std::move(answer);
                           call->done = true;
                           answered_.notify_all();
                         });
}

size_t ItemPipeline::InFlight() {
  const std::lock_guard lock(mutex_);
  return static_cast<size_t>(std::count_if(calls_.begin(), calls_.end(), [](const auto& call) { return !call->done; }));
}

void ItemPipeline::WaitForAnswer(milliseconds patience) {
  std::unique_lock lock(mutex_);
  answered_.wait_for(lock, patience, [this] { return !calls_.empty() && calls_.front()->done; });
}

bool ItemPipeline::EmitFinished(const std::function<bool(const Batch&)>& emit) {
  while (!calls_.empty()) {
    {
      const std::lock_guard lock(mutex_);
      if (!calls_.front()->done) return true;
    }
    const std::unique_ptr<Call> call = std::move(calls_.front());
    calls_.pop_front();
    const auto& answer = call->batch.answer;
    if (answer && !answer->ok() && IsLasting(answer->status())) refusal_ = answer->status();
    if (!emit(call->batch)) return false;
  }
  return true;
}

ItemPipeline::End ItemPipeline::Finish(End end, const std::function<bool()>& stop_requested,
                                       const std::function<bool(const Batch&)>& emit) {
  bool cancelled = false;
  bool output_works = end != End::kOutputFailed;
  while (!calls_.empty()) {
    if (stop_requested() && end != End::kOutputFailed) end = End::kStopRequested;
    const bool may_wait = end == End::kDone || end == End::kRefused || end == End::kInputFailed;
    if (!may_wait && !std::exchange(cancelled, true)) client_->CancelCalls();
    WaitForAnswer(kPoll);
    EmitFinished([&](const Batch& batch) {
      if (output_works) output_works = emit(batch);
      return true;
    });
    if (!output_works) end = End::kOutputFailed;
  }
  return end == End::kDone && !refusal_.ok() ? End::kRefused : end;
}

ItemPipeline::End ItemPipeline::Run(ItemSource* source, const std::function<bool()>& stop_requested,
                                    const std::function<bool(const Batch&)>& emit) {
  const auto finish = [&](End end) { return Finish(end, stop_requested, emit); };
  while (true) {
    if (!EmitFinished(emit)) return finish(End::kOutputFailed);
    if (stop_requested()) return finish(End::kStopRequested);
    if (!refusal_.ok()) return finish(End::kRefused);
    // A call that waits to be emitted takes memory like one in flight, so both count.
    if (calls_.size() >= 2 * options_.calls_in_flight || InFlight() >= options_.calls_in_flight) {
      WaitForAnswer(kPoll);
      continue;
    }
    Item item;
    const milliseconds patience = !forming_.items.empty() ? milliseconds(0) : calls_.empty() ? kIdlePoll : kPoll;
    switch (source->Next(patience, &item)) {
      case ItemSource::Outcome::kItem: {
        const size_t bytes = item.text.size() + item.text_pair.value_or("").size();
        if (forming_bytes_ + bytes > options_.bytes_per_call) Send();
        forming_bytes_ += bytes;
        forming_.items.push_back(std::move(item));
        if (forming_.items.size() >= options_.items_per_call) Send();
        break;
      }
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
