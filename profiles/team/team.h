#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>

#include "absl/functional/function_ref.h"

namespace roberta::team {

/// Runs task(0) to task(count - 1), each once and about in that order, on whichever threads it likes, and returns when
/// all have ended. Tasks must not throw.
using RunAll = std::function<void(size_t count, const std::function<void(size_t)>& task)>;

/// One after another on the calling thread.
void RunInTurn(size_t count, const std::function<void(size_t)>& task);

/// The threads that compute one batch: the one that runs it, and idle ones that help. Helpers may come and go at any
/// time.
class Team {
 public:
  /// Computes the pieces [begin, end). Any thread of the team may call it, and several at once, for different pieces.
  /// Must not throw.
  using Work = absl::FunctionRef<void(size_t begin, size_t end)>;

  /// The largest number of pieces that Share takes.
  static constexpr size_t kMostPieces = 0xFFFF;

  virtual ~Team() = default;
  Team() = default;
  Team(const Team&) = delete;
  Team& operator=(const Team&) = delete;

  /// Has each of `pieces` (at most kMostPieces) computed once, and returns when all are done; their results are then
  /// visible to the caller. Without helpers it is one call of `work`, for all of them. Only the thread that runs the
  /// batch may call, and not from within `work`.
  virtual void Share(size_t pieces, Work work) = 0;
};

/// A team that idle threads may join while its batch runs. No thread takes a lock: pieces are claimed from one atomic
/// word, by the thread that runs the batch from the front and by helpers from the back, so that each thread works on
/// neighboring pieces. A thread that has to wait spins for some microseconds, then yields the core, then sleeps.
///
/// It serves one batch after another; a helper that comes late for one batch does not harm the next. It must outlive
/// all calls.
class SharedWork final : public Team {
 public:
  /// A call to help, until the next Dismiss.
  using Call = uint32_t;

  void Share(size_t pieces, Work work) override;

  /// The current call. Any thread.
  Call call() const { return call_.load(std::memory_order_relaxed); }
  /// Works on what is shared until `call` is no longer the current one. Any number of threads.
  void Help(Call call);
  /// Dismisses the helpers, each after the piece that it works on. Does not wait for them. Any thread.
  void Dismiss();
  /// Threads in Help.
  size_t helpers() const { return helpers_.load(std::memory_order_relaxed); }

 private:
  enum class End { kFront, kBack };
  bool WorkOnce(End end);
  void AwaitPieces();
  void AwaitStep(uint64_t seen, Call call);
  void WakeSleepers();

  // What changes with every piece has a cache line of its own.
  alignas(64) std::atomic<uint64_t> left_{0};           ///< pieces that no thread has claimed: see the .cc
  alignas(64) std::atomic<uint32_t> unfinished_{0};     ///< pieces that are not done
  alignas(64) std::atomic<const Work*> work_{nullptr};  ///< of the current step
  std::atomic<Call> call_{0};
  std::atomic<uint32_t> helpers_{0};
  std::atomic<uint32_t> sleepers_{0};  ///< helpers that are about to sleep, or do
  std::atomic<uint32_t> wake_{0};      ///< what they sleep on
};

}  // namespace roberta::team
