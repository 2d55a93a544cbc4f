#include "client/cli/carriers.h"

#include <algorithm>
#include <iterator>

#include "absl/strings/str_cat.h"

namespace roberta::cli {
namespace {

using std::chrono::steady_clock;

/// A stream lasts as long as its input; the patience bounds how long one waits.
constexpr client::Timeout kLongestStream = std::chrono::hours(24 * 30);

}  // namespace

bool IsLasting(const absl::Status& status) {
  using enum absl::StatusCode;
  // InvalidArgument is of the call: a bad item has a status of its own. After Unavailable the client has tried again.
  constexpr absl::StatusCode kLasting[] = {kInvalidArgument, kNotFound,         kFailedPrecondition, kUnimplemented,
                                           kUnauthenticated, kPermissionDenied, kUnavailable};
  return std::ranges::find(kLasting, status.code()) != std::end(kLasting);
}

void CallCarrier::Send(InFlightBatch* in_flight) {
  v1::ClassifyRequest request = options_.request;
  AddItems(in_flight->batch, &request);
  {
    const std::lock_guard lock(completions_->mutex);
    ++calls_;
  }
  client_->StartClassify(std::move(request), options_.timeout,
                         [this, in_flight](absl::StatusOr<v1::ClassifyResponse> answer) {
                           const std::lock_guard lock(completions_->mutex);
                           --calls_;
                           in_flight->batch.answer = std::move(answer);
                           in_flight->done = true;
                           completions_->changed.notify_all();
                         });
}

void StreamCarrier::Open() {
  stream_.reset();  // it has ended, and its last event was handled
  {
    const std::lock_guard lock(completions_->mutex);
    ended_ = timed_out_ = false;
    next_sequence_ = 0;
  }
  settings_sent_ = false;
  client::StreamEvents events;
  events.on_response = [this](v1::ClassifyStreamResponse response) { TakeResponse(std::move(response)); };
  events.on_writable = [this] {
    const std::lock_guard lock(completions_->mutex);
    writable_ = true;
    completions_->changed.notify_all();
  };
  events.on_end = [this](const absl::Status& status) { TakeEnd(status); };
  stream_ = client_->StartClassifyStream(kLongestStream, std::move(events)).value();  // fails for a bad timeout only
}

void StreamCarrier::Send(InFlightBatch* in_flight) {
  v1::ClassifyStreamRequest request;
  AddItems(in_flight->batch, &request);
  while (!Await(in_flight, static_cast<size_t>(request.items_size()))) Open();
  if (!std::exchange(settings_sent_, true)) *request.mutable_settings() = options_.settings;
  stream_->Write(request);  // if it has just ended, TakeEnd fails this batch with the others
}

bool StreamCarrier::Await(InFlightBatch* in_flight, size_t items) {
  const std::lock_guard lock(completions_->mutex);
  if (ended_) return false;
  if (awaited_.empty()) last_message_ = steady_clock::now();
  Awaited& awaited = awaited_.emplace_back();
  awaited.in_flight = in_flight;
  awaited.first_sequence = next_sequence_;
  awaited.missing = items;
  for (size_t i = 0; i < items; ++i) awaited.response.add_results();
  next_sequence_ += items;
  writable_ = false;
  return true;
}

void StreamCarrier::TakeResponse(v1::ClassifyStreamResponse response) {
  const std::lock_guard lock(completions_->mutex);
  last_message_ = steady_clock::now();
  if (response.has_start()) profile_used_ = response.start().profile_used();
  for (v1::StreamResult& result : *response.mutable_results()) TakeResult(&result);
  while (!awaited_.empty() && awaited_.front().missing == 0) awaited_.pop_front();
  if (response.has_end()) phases_.Add(response.end().phases(), response.end().parts());
  completions_->changed.notify_all();
}

void StreamCarrier::TakeResult(v1::StreamResult* result) {
  const auto after = std::ranges::upper_bound(awaited_, result->sequence(), {}, &Awaited::first_sequence);
  if (after == awaited_.begin()) return;  // answered already, or never asked
  Awaited& awaited = *std::prev(after);
  const uint64_t item = result->sequence() - awaited.first_sequence;
  if (item >= static_cast<uint64_t>(awaited.response.results_size())) return;
  v1::ItemResult* const place = awaited.response.mutable_results(static_cast<int>(item));
  if (place->outcome_case() != v1::ItemResult::OUTCOME_NOT_SET || awaited.missing == 0) return;
  place->Swap(result->mutable_result());
  ever_answered_ = true;
  if (place->outcome_case() == v1::ItemResult::OUTCOME_NOT_SET) return;
  if (--awaited.missing == 0) Complete(&awaited);
}

void StreamCarrier::Complete(Awaited* awaited) {
  awaited->response.set_profile_used(profile_used_);
  awaited->in_flight->batch.answer = std::move(awaited->response);
  awaited->in_flight->done = true;
}

void StreamCarrier::TakeEnd(const absl::Status& status) {
  const std::lock_guard lock(completions_->mutex);
  ended_ = writable_ = true;
  completions_->changed.notify_all();
  if (absl::IsUnimplemented(status) && !ever_answered_) {
    unknown_ = true;
    awaited_.clear();
    return;
  }
  absl::Status reason = status;
  if (status.ok()) reason = absl::InternalError("the server ended the stream without an answer to this item");
  if (timed_out_) {
    reason = absl::DeadlineExceededError(absl::StrCat("no answer came for ", options_.patience.count(), " ms"));
  }
  if (!awaited_.empty() && IsLasting(reason)) failure_ = reason;
  for (Awaited& awaited : awaited_) {
    if (awaited.missing > 0) Fail(&awaited, reason);
  }
  awaited_.clear();
}

void StreamCarrier::Fail(Awaited* awaited, const absl::Status& status) {
  if (awaited->missing == static_cast<size_t>(awaited->response.results_size())) {
    awaited->in_flight->batch.answer = status;
    awaited->in_flight->done = true;
    return;
  }
  for (v1::ItemResult& result : *awaited->response.mutable_results()) {
    if (result.outcome_case() != v1::ItemResult::OUTCOME_NOT_SET) continue;
    result.mutable_status()->set_code(static_cast<int32_t>(status.code()));
    result.mutable_status()->set_message(std::string(status.message()));
  }
  Complete(awaited);
}

void StreamCarrier::Close() {
  {
    const std::lock_guard lock(completions_->mutex);
    if (std::exchange(closed_, true) || ended_) return;
    last_message_ = steady_clock::now();
  }
  stream_->CloseWrites();
}

void StreamCarrier::Watch() {
  {
    const std::lock_guard lock(completions_->mutex);
    const bool waits = !ended_ && (closed_ || !awaited_.empty());
    if (!waits || steady_clock::now() - last_message_ <= options_.patience) return;
    timed_out_ = true;
  }
  stream_->Cancel();
}

}  // namespace roberta::cli
