#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

#include "profiles/team/team.h"
#include "server/batching/batch.h"

namespace roberta::batching {

/// A backend whose one output of a sequence is its first token, and which remembers what it ran.
class PuppetBackend final : public Backend {
 public:
  /// `before` is called at the start of each run, on the thread that runs it.
  explicit PuppetBackend(std::function<void()> before = nullptr) : before_(std::move(before)) {}
  /// Shares each run in so many pieces with those that help, and calls `piece` for each. `awaits_helper`: not before
  /// there is one.
  PuppetBackend(size_t pieces, bool awaits_helper, std::function<void(bool by_helper)> piece)
      : pieces_(pieces), awaits_helper_(awaits_helper), piece_(std::move(piece)) {}

  std::vector<absl::Status> Run(absl::Span<const int32_t> token_ids, absl::Span<const size_t> lengths,
                                size_t padded_length, absl::Span<float> outputs, team::Team* team) const override {
    if (before_ != nullptr) before_();
    if (team != nullptr && pieces_ > 0) Share(team);
    std::vector<absl::Status> statuses;
    std::vector<int32_t> ran;
    size_t token = 0;
    for (size_t i = 0; i < lengths.size(); ++i) {
      ran.push_back(token_ids[token]);
      outputs[i] = static_cast<float>(token_ids[token]);
      statuses.push_back(token_ids[token] < 0 ? absl::InternalError("puppet") : absl::OkStatus());
      token += lengths[i];
    }
    const std::lock_guard lock(mutex_);
    runs_.push_back(std::move(ran));
    padded_lengths_.push_back(padded_length);
    return statuses;
  }

  /// The first tokens of what ran, batch by batch.
  std::vector<std::vector<int32_t>> runs() const {
    const std::lock_guard lock(mutex_);
    return runs_;
  }
  /// What the batches were padded to.
  std::vector<size_t> padded_lengths() const {
    const std::lock_guard lock(mutex_);
    return padded_lengths_;
  }

  /// Pieces that were computed.
  size_t pieces_done() const { return pieces_done_; }

 private:
  void Share(team::Team* team) const {
    while (awaits_helper_ && dynamic_cast<team::SharedWork&>(*team).helpers() == 0) std::this_thread::yield();
    const std::thread::id runner = std::this_thread::get_id();
    std::vector<int> computed(pieces_, 0);
    team->Share(pieces_, [&](size_t begin, size_t end) {
      for (size_t i = begin; i < end; ++i) {
        ++computed[i];
        piece_(std::this_thread::get_id() != runner);
      }
    });
    for (const int times : computed) pieces_done_ += static_cast<size_t>(times);
  }

  const std::function<void()> before_;
  const size_t pieces_ = 0;
  const bool awaits_helper_ = false;
  const std::function<void(bool)> piece_;
  mutable std::atomic<size_t> pieces_done_{0};
  mutable std::mutex mutex_;
  mutable std::vector<std::vector<int32_t>> runs_;  // guarded by mutex_
  mutable std::vector<size_t> padded_lengths_;      // guarded by mutex_
};

/// A backend of one step after another, whose output of a sequence is its first token.
class SteppingBackend final : public Backend {
 public:
  /// `step` is called in each step and says whether it was the last.
  explicit SteppingBackend(std::function<bool(size_t)> step) : step_(std::move(step)) {}

  std::vector<absl::Status> Run(absl::Span<const int32_t> token_ids, absl::Span<const size_t> lengths,
                                size_t /*padded_length*/, absl::Span<float> outputs, team::Team* team) const override {
    bool ended = false;
    for (size_t i = 0; !ended; ++i) {
      team->Share(1, [&](size_t, size_t) { ended = step_(i); });
    }
    size_t token = 0;
    for (size_t i = 0; i < lengths.size(); token += lengths[i++]) outputs[i] = static_cast<float>(token_ids[token]);
    return std::vector<absl::Status>(lengths.size());
  }

 private:
  const std::function<bool(size_t)> step_;
};

/// A job of items of the given lengths, all of whose tokens are `first_name`, `first_name` + 1 and so on.
inline std::shared_ptr<Job> JobOf(const std::shared_ptr<const Backend>& backend, int32_t first_name,
                                  const std::vector<size_t>& lengths) {
  auto job = std::make_shared<Job>();
  job->backend = backend;
  job->lengths = lengths;
  for (size_t i = 0; i < lengths.size(); ++i) {
    job->token_ids.insert(job->token_ids.end(), lengths[i], first_name + static_cast<int32_t>(i));
  }
  job->outputs_per_item = 1;
  job->done = [](Job&) {};
  return job;
}

}  // namespace roberta::batching
