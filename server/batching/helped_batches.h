#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "profiles/team/shared_work.h"
#include "server/batching/batch_policy.h"
#include "server/batching/job.h"

namespace roberta::batching {

/// The batches that run, and the executors that help with them; ChooseToHelp says with which. Not for several threads
/// at once: only what is done with the SharedWork that it hands out is done by others.
class HelpedBatches {
 public:
  /// At most `most_helpers` with one batch; 0: nobody helps.
  explicit HelpedBatches(size_t most_helpers) : most_helpers_(most_helpers) {}

  /// A batch of so many tokens runs from now on. What it is shared by until Ended, for the thread that runs it; nullptr
  /// if nobody may help. Lives as long as this.
  team::SharedWork* Started(size_t tokens);
  /// It has run at `now`: its helpers are let go. The time that they have had for it, added up.
  Clock::duration Ended(const team::SharedWork* work, Clock::time_point now);

  /// An executor that is to call `work->Help(call)`, and then Left.
  struct Helper {
    team::SharedWork* work = nullptr;
    team::SharedWork::Call call = 0;
    size_t place = 0, batch = 0;
    Clock::time_point since;
  };
  bool wanted() const { return ToHelp().has_value(); }
  /// Nothing if none is wanted.
  std::optional<Helper> Joined(Clock::time_point now);
  void Left(const Helper& helper, Clock::time_point now);
  /// Asks all helpers to come back; they may join again.
  void CallBack();

  /// That have joined and not left.
  size_t helpers() const { return helpers_; }

 private:
  /// Where one batch after another runs.
  struct Place {
    team::SharedWork work;
    size_t batch = 0;              ///< how many it has had
    Clock::duration helped{0};     ///< with this batch, by those who left
    Clock::duration joined_at{0};  ///< of those who are there, the times since the clock's epoch, added up
  };
  std::optional<size_t> ToHelp() const { return ChooseToHelp(running_, most_helpers_); }

  const size_t most_helpers_;
  std::vector<std::unique_ptr<Place>> places_;
  std::vector<RunningBatch> running_;  ///< [places]
  size_t helpers_ = 0;
};

}  // namespace roberta::batching
