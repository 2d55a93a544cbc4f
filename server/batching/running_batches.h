#pragma once

#include <atomic>
#include <cstddef>
#include <memory>
#include <optional>
#include <vector>

#include "profiles/team/team.h"
#include "server/batching/batch.h"
#include "server/batching/batch_policy.h"

namespace roberta::batching {

/// The batches that run, and the executors that help with them; ChooseToHelp decides with which. Not thread-safe: other
/// threads use only the SharedWork that it returns.
class HelpedBatches {
 public:
  /// At most `most_helpers` with one batch; 0: nobody helps.
  explicit HelpedBatches(size_t most_helpers) : most_helpers_(most_helpers) {}

  /// Work has come, while so many batches ran or waited. Executors help while calls are mostly alone: where others come
  /// soon, a helper is in their way, and in that of the threads that bring them.
  void Arrived(size_t busy);

  /// A batch of so many tokens runs from now on. Returns what the thread that runs it shares its work with until Ended;
  /// nullptr if nobody may help. Lives as long as this.
  team::SharedWork* Started(size_t tokens);
  /// The batch has run at `now`: its helpers leave. Returns the total time that they spent on it.
  Clock::duration Ended(const team::SharedWork* work, Clock::time_point now);

  /// An executor that helps: it must call `work->Help(call)` and then Left.
  struct Helper {
    team::SharedWork* work = nullptr;
    team::SharedWork::Call call = 0;
    size_t place = 0, batch = 0;
    Clock::time_point since;
  };
  bool wanted() const { return ToHelp().has_value(); }
  /// An executor wants to help; nothing if no batch needs help.
  std::optional<Helper> Joined(Clock::time_point now);
  void Left(const Helper& helper, Clock::time_point now);
  /// Makes all helpers leave; they may join again.
  void CallBack();

  /// Executors that help now.
  size_t helpers() const { return helpers_; }

 private:
  /// Runs one batch after another.
  struct Place {
    team::SharedWork work;
    size_t batch = 0;              ///< number of the batch that runs
    Clock::duration helped{0};     ///< with this batch, by helpers that have left
    Clock::duration joined_at{0};  ///< sum of the join times of present helpers, since the epoch
  };
  std::optional<size_t> ToHelp() const { return MayHelp() ? ChooseToHelp(running_, most_helpers_) : std::nullopt; }
  bool MayHelp() const;

  const size_t most_helpers_;
  double busy_ = 0;  ///< moving average of what Arrived found
  std::vector<std::unique_ptr<Place>> places_;
  std::vector<RunningBatch> running_;  ///< [places]
  size_t helpers_ = 0;
};

/// A running batch that short items may overtake.
class OvertakenPlace {
 public:
  /// Whether items that may overtake the batch may wait. For the executor that runs the batch, at any time.
  bool wanted() const { return wanted_.load(std::memory_order_relaxed); }

 private:
  friend class OvertakenBatches;
  std::atomic<bool> wanted_{false};
  bool is_taken_ = false;
  OvertakenBatch batch_;
};

/// The batches that run and may be overtaken (see MayBeOvertaken), each by as many tokens as it has itself, so that its
/// time at most doubles. Not thread-safe: other threads use only OvertakenPlace::wanted.
class OvertakenBatches {
 public:
  /// `batch` runs from now on. Returns its place until Ended; nullptr if it may not be overtaken. Lives as long as
  /// this.
  OvertakenPlace* Started(const Batch& batch, const PolicyOptions& options);
  void Ended(OvertakenPlace* place);

  /// Items wait and no executor is free for them.
  void Ask();
  /// No item that waits may overtake the batch.
  void Refuse(OvertakenPlace* place) { place->wanted_.store(false, std::memory_order_relaxed); }
  const OvertakenBatch& batch(const OvertakenPlace& place) const { return place.batch_; }
  /// So many tokens overtake the batch.
  void Count(OvertakenPlace* place, size_t tokens);

 private:
  std::vector<std::unique_ptr<OvertakenPlace>> places_;
};

}  // namespace roberta::batching
