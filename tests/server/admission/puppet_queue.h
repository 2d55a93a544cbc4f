#pragma once

#include <memory>
#include <mutex>
#include <vector>

#include "server/admission/wait_predictor.h"
#include "server/batching/running_batches.h"

namespace roberta::admission {

/// Reports to a predictor what a queue would, event by event. Any thread may call.
class PuppetQueue {
 public:
  using Clock = batching::Clock;

  explicit PuppetQueue(WaitPredictor* predictor, size_t profiles = 2) : predictor_(predictor), costs_(profiles) {}

  void SeedCost(size_t profile, double ns_per_token) {
    const std::lock_guard lock(mutex_);
    costs_[profile].Seed(ns_per_token);
    predictor_->CostChanged(profile, costs_[profile]);
  }
  void Queued(const PendingCall& work) { predictor_->Queued(*JobOf(work)); }
  void Left(const PendingCall& work) {
    predictor_->Left({.job = JobOf(work), .items = work.items, .tokens = work.tokens});
  }
  void BatchStarted(size_t profile, size_t tokens, Clock::time_point started, bool lets_short_run = false) {
    static batching::OvertakenPlace place;
    batching::Batch batch = {.profile = profile, .parts = {}, .tokens = tokens, .taken = started};
    if (lets_short_run) batch.overtaken = &place;
    predictor_->Started(batch);
  }
  void BatchEnded(size_t profile, size_t tokens, Clock::time_point started, Clock::time_point ended,
                  std::chrono::nanoseconds helped = {}) {
    const std::lock_guard lock(mutex_);
    costs_[profile].Learn(tokens, std::chrono::nanoseconds(ended - started).count(), helped.count());
    predictor_->CostChanged(profile, costs_[profile]);
    predictor_->Ended({.profile = profile, .parts = {}, .tokens = tokens, .taken = started}, {});
  }

 private:
  static std::shared_ptr<batching::Job> JobOf(const PendingCall& work) {
    auto job = std::make_shared<batching::Job>();
    job->profile = work.profile;
    job->priority = work.priority;
    job->caller = work.caller;
    job->lengths.resize(work.items);
    job->token_ids.resize(work.tokens);
    return job;
  }

  WaitPredictor* const predictor_;
  std::mutex mutex_;
  std::vector<batching::BatchCost> costs_;  // guarded by mutex_
};

}  // namespace roberta::admission
