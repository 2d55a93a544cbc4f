#include "server/service/parked_refusals.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "server/call/failure_reason.h"

namespace roberta::service {
namespace {

/// What is kept of a deadline for the refusal's way to the caller: a part, and of long deadlines no more than the most.
constexpr int kShareForWay = 10;
constexpr std::chrono::milliseconds kMostForWay(50);

}  // namespace

void Parkable::Unpark() {
  if (ParkedRefusals* const where = parked_in_.load(std::memory_order_acquire)) where->Unpark(*this);
}

ParkedRefusals::ParkedRefusals(ParkingOptions options) : options_(std::move(options)), pace_(options_.interval) {
  if (options_.own_thread && options_.capacity > 0) thread_ = std::thread([this] { Run(); });
}

ParkedRefusals::~ParkedRefusals() {
  Close();
  if (thread_.joinable()) thread_.join();
}

void ParkedRefusals::Park(Parkable& call, Clock::time_point deadline, size_t connection,
                          const std::atomic<bool>& cancelled) {
  const Clock::time_point now = options_.now();
  const Clock::duration for_way = std::min<Clock::duration>((deadline - now) / kShareForWay, kMostForWay);
  std::unique_lock lock(mutex_);
  const Clock::time_point turn = pace_.Next(now, deadline - for_way);
  const auto delay = std::max<std::chrono::nanoseconds>(turn - now, *call::RetryDelayOf(call.refusal()));
  const int64_t leaves = TickOf(turn);
  if (waiting_ == 0) tick_ = TickOf(now);
  if (turn > now) call.refusal() = call::WithRetryDelay(std::move(call.refusal()), delay);
  call.connection_ = connection % waiting_on_.size();
  size_t& waiting_here = waiting_on_[call.connection_];
  const bool has_room =
      waiting_ < options_.capacity && (connection == 0 || waiting_here < options_.capacity_per_connection);
  if (closed_ || !has_room || leaves <= tick_) {
    lock.unlock();
    return call.Leave();
  }
  call.KeepOnlyTheRefusal();
  Line& line = LineOf(leaves);
  call.place_ = line.insert(line.end(), call.shared_from_this());
  call.tick_ = leaves;
  call.since_ = now;
  call.parked_in_.store(this);
  ++waiting_here;
  if (++waiting_ == 1) changed_.notify_one();
  lock.unlock();
  if (cancelled) Unpark(call);  // perhaps before it could be found here
}

void ParkedRefusals::TakeOut(Line& line, Line::iterator first, Line::iterator last, Line* out) {
  for (auto call = first; call != last; ++call, --waiting_) {
    (*call)->parked_in_ = nullptr;
    --waiting_on_[(*call)->connection_];
  }
  out->splice(out->end(), line, first, last);
}

void ParkedRefusals::Unpark(Parkable& call) {
  Line ended;
  {
    const std::lock_guard lock(mutex_);
    if (call.parked_in_ == nullptr) return;
    TakeOut(LineOf(call.tick_), call.place_, std::next(call.place_), &ended);
  }
  End(ended);
}

void ParkedRefusals::Close() {
  Line ended;
  {
    const std::lock_guard lock(mutex_);
    closed_ = true;
    for (Line& line : lines_) TakeOut(line, line.begin(), line.end(), &ended);
  }
  changed_.notify_one();
  End(ended);
}

void ParkedRefusals::LetGo() {
  Line ended;
  {
    const std::lock_guard lock(mutex_);
    for (const int64_t now = TickOf(options_.now()); tick_ < now && waiting_ > 0; ++tick_) {
      Line& line = LineOf(tick_ + 1);
      TakeOut(line, line.begin(), line.end(), &ended);
    }
  }
  End(ended);
}

void ParkedRefusals::End(const Line& ended) const {
  if (ended.empty()) return;
  const Clock::time_point now = options_.now();
  for (const std::shared_ptr<Parkable>& call : ended) {
    absl::Status& refusal = call->refusal();
    refusal = call::WithRetryDelay(std::move(refusal), *call::RetryDelayOf(refusal) - (now - call->since_));
    call->Leave();
  }
}

size_t ParkedRefusals::waiting() const {
  const std::lock_guard lock(mutex_);
  return waiting_;
}

void ParkedRefusals::Run() {
  std::unique_lock lock(mutex_);
  while (true) {
    changed_.wait(lock, [this] { return closed_ || waiting_ > 0; });
    changed_.wait_until(lock, Clock::time_point((tick_ + 1) * kTick), [this] { return closed_; });
    if (closed_) return;
    lock.unlock();
    LetGo();
    lock.lock();
  }
}

}  // namespace roberta::service
