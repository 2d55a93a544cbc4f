#include "tests/bench/workload.h"

#include <atomic>
#include <chrono>
#include <fstream>
#include <mutex>
#include <random>
#include <thread>

#include "absl/strings/str_cat.h"

namespace roberta::bench {
namespace {

using Clock = std::chrono::steady_clock;

double SecondsSince(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

absl::Status RunBatch(const encoder::Profile& profile, const Batch& batch, absl::Span<float> logits,
                      encoder::PartTimes* times) {
  const encoder::PackedBatch packed = {batch.ids, batch.cu_seqlens};
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
  std::mt19937 random(0);
  std::uniform_int_distribution<int32_t> token(4, static_cast<int32_t>(config.vocab_size) - 1);
  std::vector<Batch> batches;
  for (size_t i = 0; i < lengths.size(); ++i) {
    if (i % size == 0) batches.emplace_back();
    Batch& batch = batches.back();
    batch.ids.push_back(config.bos_token_id);
    for (int k = 2; k < lengths[i]; ++k) batch.ids.push_back(token(random));
    batch.ids.push_back(config.eos_token_id);
    batch.cu_seqlens.push_back(static_cast<int32_t>(batch.ids.size()));
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

absl::StatusOr<double> SecondsOfOne(const encoder::Profile& profile, const Batch& request, size_t labels) {
  std::vector<float> logits((request.cu_seqlens.size() - 1) * labels);
  const auto start = Clock::now();
  const absl::Status status = RunBatch(profile, request, absl::MakeSpan(logits), nullptr);
  const double seconds = SecondsSince(start);
  if (!status.ok()) return status;
  return seconds;
}

}  // namespace roberta::bench
