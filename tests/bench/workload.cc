#include "tests/bench/workload.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <fstream>
#include <mutex>
#include <random>
#include <thread>
#include <utility>

#include "absl/strings/str_cat.h"
#include "server/batching/batch_policy.h"

namespace roberta::bench {
namespace {

using Clock = std::chrono::steady_clock;

double SecondsSince(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

class SequenceMaker {
 public:
  explicit SequenceMaker(const checkpoint::ModelConfig& config)
      : config_(config), token_(4, static_cast<int32_t>(config.vocab_size) - 1) {}

  void AddTo(Batch* batch, int length) {
    batch->ids.push_back(0);
    for (int k = 2; k < length; ++k) batch->ids.push_back(token_(random_));
    batch->ids.push_back(2);
    batch->cu_seqlens.push_back(static_cast<int32_t>(batch->ids.size()));
  }

 private:
  const checkpoint::ModelConfig& config_;
  std::mt19937 random_{0};
  std::uniform_int_distribution<int32_t> token_;
};

absl::Status RunBatch(const encoder::Profile& profile, const Batch& batch, absl::Span<float> logits,
                      encoder::PartTimes* times) {
  const encoder::PackedBatch packed = {batch.ids, batch.cu_seqlens, batch.padded_length};
  const auto* timed = dynamic_cast<const encoder::TimedProfile*>(&profile);
  return timed != nullptr ? timed->RunTimed(packed, logits, times) : profile.Run(packed, logits);
}

}  // namespace

absl::StatusOr<std::vector<int>> ReadLengths(const std::string& file, int64_t max_tokens) {
  std::vector<int> lengths;
  std::ifstream stream(file);
  int length = 0;
  while (stream >> length) {
    if (length < 2 || length > max_tokens) {
      return absl::InvalidArgumentError(absl::StrCat(file, ": length ", length, " is not from 2 to ", max_tokens));
    }
    lengths.push_back(length);
  }
  if (!stream.eof()) {
    return absl::InvalidArgumentError(absl::StrCat(file, ": not a number after ", lengths.size(), " lengths"));
  }
  if (lengths.empty()) return absl::InvalidArgumentError(absl::StrCat(file, ": no lengths"));
  return lengths;
}

std::vector<Batch> MakeBatches(const std::vector<int>& lengths, size_t size, const checkpoint::ModelConfig& config) {
  SequenceMaker maker(config);
  std::vector<Batch> batches;
  for (size_t i = 0; i < lengths.size(); ++i) {
    if (i % size == 0) batches.emplace_back();
    maker.AddTo(&batches.back(), lengths[i]);
  }
  return batches;
}

std::vector<Batch> MakeBatches(const std::vector<int>& lengths, batching::LoadingStrategy strategy,
                               size_t max_batch_tokens, const checkpoint::ModelConfig& config) {
  const std::vector<size_t> tokens(lengths.begin(), lengths.end());
  std::vector<batching::WaitingJob> waiting;
  for (const size_t& length : tokens) waiting.push_back({.lengths = absl::MakeConstSpan(&length, 1)});
  SequenceMaker maker(config);
  std::vector<Batch> batches;
  while (!waiting.empty()) {
    const size_t seen = std::min(waiting.size(), batching::kBucketedWindowItems);
    const batching::BatchPlan plan = batching::PlanBatch(absl::MakeConstSpan(waiting).first(seen),
                                                         {max_batch_tokens, max_batch_tokens}, strategy, {}, {});
    Batch& batch = batches.emplace_back();
    batch.padded_length = plan.padded_length;
    std::vector<bool> taken(waiting.size(), false);
    for (const batching::Pick& pick : plan.picks) {
      maker.AddTo(&batch, static_cast<int>(waiting[pick.job].lengths[0]));
      taken[pick.job] = true;
    }
    std::vector<batching::WaitingJob> left;
    for (size_t i = 0; i < waiting.size(); ++i) {
      if (!taken[i]) left.push_back(waiting[i]);
    }
    waiting = std::move(left);
  }
  return batches;
}

absl::StatusOr<double> SecondsOfAll(const encoder::Profile& profile, const std::vector<Batch>& batches, size_t labels,
                                    int threads, encoder::PartTimes* times) {
  std::atomic<size_t> next{0};
  std::mutex mutex;
  absl::Status failure;
  const auto start = Clock::now();
  std::vector<std::thread> workers;
  for (int t = 0; t < threads; ++t) {
    workers.emplace_back([&] {
      std::vector<float> logits;
      encoder::PartTimes own;
      absl::Status status;
      for (size_t i; (i = next++) < batches.size();) {
        logits.resize((batches[i].cu_seqlens.size() - 1) * labels);
        status.Update(RunBatch(profile, batches[i], absl::MakeSpan(logits), &own));
      }
      const std::lock_guard lock(mutex);
      failure.Update(status);
      for (size_t part = 0; part < encoder::kParts; ++part) times->ns[part] += own.ns[part];
      times->product_macs += own.product_macs;
    });
  }
  for (std::thread& worker : workers) worker.join();
  const double seconds = SecondsSince(start);
  if (!failure.ok()) return failure;
  return seconds;
}

absl::StatusOr<double> SecondsOfOne(const encoder::Profile& profile, const Batch& request, size_t labels,
                                    team::Team* team) {
  std::vector<float> logits((request.cu_seqlens.size() - 1) * labels);
  const auto start = Clock::now();
  const absl::Status status =
      profile.RunShared({request.ids, request.cu_seqlens, request.padded_length}, absl::MakeSpan(logits), team);
  const double seconds = SecondsSince(start);
  if (!status.ok()) return status;
  return seconds;
}

}  // namespace roberta::bench
