#include "server/transport/ordered_stream.h"

#include "server/service/profile_backend.h"
#include "server/transport/load_reports.h"

namespace roberta::transport {

namespace {

constexpr size_t kMostExchanges = 32;
constexpr size_t kMostRequestBytes = 1u << 20;  // and one request

}  // namespace

void OpenStreams::Add(const std::shared_ptr<Link>& link) {
  const std::lock_guard lock(mutex_);
  links_.insert(link);
}

void OpenStreams::Remove(const std::shared_ptr<Link>& link) {
  const std::lock_guard lock(mutex_);
  links_.erase(link);
}

std::set<std::shared_ptr<OpenStreams::Link>> OpenStreams::links() {
  const std::lock_guard lock(mutex_);
  return links_;
}

void OpenStreams::Drain() {
  {
    const std::lock_guard lock(mutex_);
    draining_ = true;
  }
  for (const std::shared_ptr<Link>& link : links()) {
    std::unique_lock lock(link->mutex);
    if (link->stream != nullptr) link->stream->Drain(std::move(lock));
  }
}

void OpenStreams::EndWritesSince(call::PhaseClock::Clock::time_point start) {
  const absl::Status status =
      call::MakeStatus(call::FailureReason::kClientDoesNotRead, "the client takes no responses");
  for (const std::shared_ptr<Link>& link : links()) {
    std::unique_lock lock(link->mutex);
    OrderedStream* const stream = link->stream;
    if (stream == nullptr || !stream->writing_ || stream->writing_since_ > start) continue;
    const std::function<void()> end = EndingOf(stream->context_->c_call(), status);
    lock.unlock();
    end();
  }
}

OrderedStream::OrderedStream(OpenStreams* open, const Gate& gate, grpc::CallbackServerContext* context)
    : open_(open),
      gate_(gate),
      context_(context),
      entered_(Enter(gate, context, &head_)),
      link_(std::make_shared<OpenStreams::Link>()) {
  link_->stream = this;
  open_->Add(link_);
}

void OrderedStream::Open() {
  bool draining;
  {
    const std::lock_guard lock(open_->mutex_);
    draining = open_->draining_;
  }
  Lock lock(link_->mutex);
  if (!entered_.ok()) Stop(ToGrpcStatus(entered_, {}));
  if (draining) return Drain(std::move(lock));
  Step(std::move(lock));
}

void OrderedStream::OnReadDone(bool ok) {
  Lock lock(link_->mutex);
  if (!ok) Stop(grpc::Status::OK);
  if (!stopped_) {  // else it may be finished, which does not wait for a read
    const std::shared_ptr<Exchange> exchange = MakeExchange();
    exchange->request_bytes_ = in_.Length();
    exchanges_.push_back(exchange);
    request_bytes_ += exchange->request_bytes_;
    lock.unlock();
    exchange->Start(in_);
    lock.lock();
  }
  in_.Clear();
  reading_ = false;
  Step(std::move(lock));
}

void OrderedStream::OnWriteDone(bool ok) {
  Lock lock(link_->mutex);
  writing_ = false;
  if (!ok) failed_ = true;
  Step(std::move(lock));
}

void OrderedStream::OnCancel() {
  Lock lock(link_->mutex);
  Stop(grpc::Status::CANCELLED);
  failed_ = true;
  const std::deque<std::shared_ptr<Exchange>> unwanted = exchanges_;
  Step(std::move(lock));
  for (const std::shared_ptr<Exchange>& exchange : unwanted) exchange->Cancel();
}

void OrderedStream::OnDone() {
  {
    const Lock lock(link_->mutex);
    link_->stream = nullptr;
  }
  open_->Remove(link_);
  delete this;
}

void OrderedStream::Respond(Exchange* exchange, grpc::Status status, grpc::ByteBuffer response) {
  Lock lock(link_->mutex);
  exchange->responded_ = true;
  exchange->status_ = std::move(status);
  exchange->response_.Swap(&response);
  Step(std::move(lock));
}

void OrderedStream::Drain(Lock lock) {
  Stop(ToGrpcStatus(service::Draining(), {}));
  Step(std::move(lock));
}

void OrderedStream::Stop(grpc::Status status) {
  if (!std::exchange(stopped_, true)) status_ = std::move(status);
}

void OrderedStream::Step(Lock lock) {
  if (finished_) return;
  std::deque<std::shared_ptr<Exchange>> unwanted;
  while (!writing_ && !exchanges_.empty() && exchanges_.front()->responded_) {
    const std::shared_ptr<Exchange> next = std::move(exchanges_.front());
    exchanges_.pop_front();
    request_bytes_ -= next->request_bytes_;
    if (failed_) continue;
    if (next->status_.ok()) {
      out_.Swap(&next->response_);
      writing_ = true;
      writing_since_ = call::PhaseClock::Clock::now();
      StartWrite(&out_);
    } else {
      failed_ = stopped_ = true;
      status_ = next->status_;
      unwanted = exchanges_;
    }
  }
  if (!stopped_ && !reading_ && exchanges_.size() < kMostExchanges && request_bytes_ < kMostRequestBytes) {
    reading_ = true;
    StartRead(&in_);
  }
  finished_ = stopped_ && !writing_ && exchanges_.empty();
  const bool finish = finished_;
  const grpc::Status status = finish ? status_ : grpc::Status::OK;
  lock.unlock();
  // From here on the stream may be gone, but for what it has not finished.
  for (const std::shared_ptr<Exchange>& exchange : unwanted) exchange->Cancel();
  if (!finish) return;
  AddLoadReport(gate_, entered_, context_);
  FinishWhenDue(gate_, entered_, context_, [this, status] { Finish(status); });
}

}  // namespace roberta::transport
