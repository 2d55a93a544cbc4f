#include "profiles/team/team.h"

#include <sched.h>

#include <algorithm>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace roberta::team {
namespace {

/// What left_ holds: the pieces [begin, end), and a number that each step has for itself. A claim that was prepared in
/// one step fails in any other, though the same pieces are left there.
struct Left {
  uint32_t step;
  uint16_t begin, end;

  static Left Of(uint64_t word) {
    return {static_cast<uint32_t>(word >> 32), static_cast<uint16_t>(word >> 16), static_cast<uint16_t>(word)};
  }
  uint64_t word() const { return uint64_t{step} << 32 | uint64_t{begin} << 16 | end; }
};

/// Waits for what another thread is about to do, at first without giving up the core: a step of the encoder takes as
/// long as waking a thread up. Every Pause costs more patience than the one before.
class Patience {
 public:
  /// False when it is time to sleep.
  bool Pause() {
    ++pauses_;
    if (pauses_ > kSpins + kYields) return false;
    if (pauses_ > kSpins) {
      sched_yield();
    } else {
#if defined(__x86_64__)
      _mm_pause();
#endif
    }
    return true;
  }

 private:
  static constexpr int kSpins = 1000;  // 15 to 50 microseconds
  static constexpr int kYields = 50;
  int pauses_ = 0;
};

}  // namespace

void RunInTurn(size_t count, const std::function<void(size_t)>& task) {
  for (size_t i = 0; i < count; ++i) task(i);
}

void SharedWork::Share(size_t pieces, Work work) {
  if (pieces <= 1 || helpers_.load(std::memory_order_relaxed) == 0) {
    if (pieces > 0) work(0, pieces);
    return;
  }
  const uint32_t step = Left::Of(left_.load(std::memory_order_relaxed)).step + 1;
  work_.store(&work, std::memory_order_relaxed);
  unfinished_.store(static_cast<uint32_t>(pieces), std::memory_order_relaxed);
  // Either this thread sees the sleeper, or the sleeper sees the step: both sides write, then read, in one order.
  left_.store(Left{step, 0, static_cast<uint16_t>(pieces)}.word(), std::memory_order_seq_cst);
  if (sleepers_.load(std::memory_order_seq_cst) > 0) WakeSleepers();
  while (WorkOnce(End::kFront)) {
  }
  AwaitPieces();
}

bool SharedWork::WorkOnce(End end) {
  uint64_t word = left_.load(std::memory_order_acquire);
  while (true) {
    const Left left = Left::Of(word);
    if (left.begin == left.end) return false;
    // Large parts at first, so that each thread works on neighbors; small ones at last, so that all end together.
    const size_t hands = 1 + helpers_.load(std::memory_order_relaxed);
    const auto count = static_cast<uint16_t>(std::max<size_t>((left.end - left.begin) / (2 * hands), 1));
    const bool front = end == End::kFront;
    const auto begin = static_cast<uint16_t>(front ? left.begin : left.end - count);
    const Left rest = {left.step, static_cast<uint16_t>(front ? left.begin + count : left.begin),
                       static_cast<uint16_t>(front ? left.end : left.end - count)};
    // Read before the claim, used after it: with a piece claimed the step cannot end, so `work` is its own.
    const Work* work = work_.load(std::memory_order_relaxed);
    if (!left_.compare_exchange_weak(word, rest.word(), std::memory_order_acq_rel, std::memory_order_acquire)) continue;
    (*work)(begin, size_t{begin} + count);
    if (unfinished_.fetch_sub(count, std::memory_order_seq_cst) == count && !front) unfinished_.notify_one();
    return true;
  }
}

void SharedWork::AwaitPieces() {
  Patience patience;
  while (unfinished_.load(std::memory_order_acquire) > 0) {
    if (patience.Pause()) continue;
    for (uint32_t left = unfinished_.load(); left > 0; left = unfinished_.load()) unfinished_.wait(left);
  }
}

void SharedWork::Help(Call call) {
  helpers_.fetch_add(1, std::memory_order_relaxed);
  while (call_.load(std::memory_order_acquire) == call) {
    const uint64_t seen = left_.load(std::memory_order_relaxed);
    if (!WorkOnce(End::kBack)) AwaitStep(seen, call);
  }
  helpers_.fetch_sub(1, std::memory_order_relaxed);
}

void SharedWork::AwaitStep(uint64_t seen, Call call) {
  const auto is_over = [&] {
    const uint64_t word = left_.load(std::memory_order_seq_cst);
    return Left::Of(word).step != Left::Of(seen).step || call_.load(std::memory_order_seq_cst) != call;
  };
  Patience patience;
  while (!is_over()) {
    if (patience.Pause()) continue;
    sleepers_.fetch_add(1, std::memory_order_seq_cst);
    for (uint32_t wake = wake_.load(); !is_over(); wake = wake_.load()) wake_.wait(wake);
    sleepers_.fetch_sub(1, std::memory_order_seq_cst);
  }
}

void SharedWork::WakeSleepers() {
  wake_.fetch_add(1, std::memory_order_seq_cst);
  wake_.notify_all();
}

void SharedWork::Dismiss() {
  call_.fetch_add(1, std::memory_order_seq_cst);
  if (sleepers_.load(std::memory_order_seq_cst) > 0) WakeSleepers();
}

}  // namespace roberta::team
