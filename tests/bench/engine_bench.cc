// How fast the profiles run a list of sequence lengths: the same batches for each, passes over all of them alternating
// between the profiles, the best pass of each counts. Token ids are random, so only time is measured here.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <fstream>
#include <functional>
#include <limits>
#include <map>
#include <memory>
#include <mutex>
#include <nlohmann/json.hpp>
#include <numeric>
#include <random>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "profiles/amp/amp.h"
#include "profiles/baseline/baseline.h"
#include "profiles/checkpoint/checkpoint.h"
#include "profiles/encoder/part_times.h"
#include "profiles/integrated/integrated.h"
#include "profiles/kernels/linear.h"
#include "profiles/pruned/pruned.h"
#include "profiles/quantized/quantized.h"
#include "profiles/reference/reference_profile.h"

namespace {

using roberta::checkpoint::Checkpoint;
using roberta::encoder::kPartNames;
using roberta::encoder::kParts;
using roberta::encoder::PartTimes;
using roberta::encoder::Profile;
using roberta::encoder::TimedProfile;
using Json = nlohmann::ordered_json;

/// A third of the multiply-accumulates off, as the targets have it.
constexpr double kKeepMacs = 2.0 / 3.0;

using Loaded = absl::StatusOr<std::unique_ptr<const Profile>>;
const std::map<std::string, std::function<Loaded(const Checkpoint&)>> kLoaders = {
    {"baseline", &roberta::baseline::LoadBaseline},
    {"quantized", &roberta::quantized::LoadQuantized},
    {"amp", &roberta::amp::LoadAmp},
    {"pruned", [](const Checkpoint& checkpoint) { return Loaded(roberta::pruned::LoadPruned(checkpoint, kKeepMacs)); }},
    {"integrated",
     [](const Checkpoint& checkpoint) { return Loaded(roberta::integrated::LoadIntegrated(checkpoint, kKeepMacs)); }},
    {"reference", &roberta::reference::LoadReferenceProfile}};

struct Batch {
  std::vector<int32_t> ids, cu_seqlens = {0};
};

std::vector<Batch> MakeBatches(const std::vector<int>& lengths, size_t size, const Checkpoint& checkpoint) {
  std::mt19937 random(0);
  std::uniform_int_distribution<int32_t> token(4, static_cast<int32_t>(checkpoint.config().vocab_size) - 1);
  std::vector<Batch> batches;
  for (size_t i = 0; i < lengths.size(); ++i) {
    if (i % size == 0) batches.emplace_back();
    Batch& batch = batches.back();
    batch.ids.push_back(checkpoint.config().bos_token_id);
    for (int k = 2; k < lengths[i]; ++k) batch.ids.push_back(token(random));
    batch.ids.push_back(checkpoint.config().eos_token_id);
    batch.cu_seqlens.push_back(static_cast<int32_t>(batch.ids.size()));
  }
  return batches;
}

/// Seconds for all batches, taken by `threads` threads from one list; negative if a batch failed.
double RunAll(const Profile& profile, const std::vector<Batch>& batches, size_t labels, int threads, PartTimes* times) {
  std::atomic<size_t> next{0};
  std::atomic<bool> failed{false};
  std::mutex mutex;
  const auto start = std::chrono::steady_clock::now();
  std::vector<std::thread> workers;
  for (int t = 0; t < threads; ++t) {
    workers.emplace_back([&] {
      std::vector<float> logits;
      PartTimes own;
      for (size_t i; (i = next++) < batches.size();) {
        logits.resize((batches[i].cu_seqlens.size() - 1) * labels);
        const roberta::encoder::PackedBatch batch = {batches[i].ids, batches[i].cu_seqlens};
        const auto* timed = dynamic_cast<const TimedProfile*>(&profile);
        const absl::Status status = timed != nullptr ? timed->RunTimed(batch, absl::MakeSpan(logits), &own)
                                                     : profile.Run(batch, absl::MakeSpan(logits));
        if (!status.ok()) failed = true;
      }
      const std::lock_guard lock(mutex);
      for (size_t part = 0; part < kParts; ++part) times->ns[part] += own.ns[part];
      times->product_macs += own.product_macs;
    });
  }
  for (std::thread& worker : workers) worker.join();
  const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  return failed ? -1 : seconds;
}

struct Side {
  std::string name;
  std::unique_ptr<const Profile> profile;
  double best_seconds = std::numeric_limits<double>::infinity();
  PartTimes times;  ///< of the best pass
};

double Total(const PartTimes& times) {
  return static_cast<double>(std::accumulate(times.ns.begin(), times.ns.end(), int64_t{0}));
}

/// Operations a nanosecond of the products alone, on one thread.
double ProductRate(const PartTimes& times) {
  return 2.0 * static_cast<double>(times.product_macs) /
         static_cast<double>(times.ns[static_cast<size_t>(roberta::encoder::Part::kProducts)]);
}

void PrintParts(const Side& side) {
  if (side.times.product_macs == 0) return;
  std::printf("           ");
  for (size_t part = 0; part < kParts; ++part) {
    std::printf(" %s %.1f %%", kPartNames[part], 100.0 * static_cast<double>(side.times.ns[part]) / Total(side.times));
  }
  std::printf("; products %.0f Gop/s a thread (%s)\n", ProductRate(side.times),
              side.profile->description().precision.c_str());
}

Json Report(const std::vector<Side>& sides, size_t sequences, size_t tokens, size_t batch, int threads) {
  Json results = Json::array();
  for (const Side& side : sides) {
    Json row = {{"system", side.name},
                {"sequences_per_second", static_cast<double>(sequences) / side.best_seconds},
                {"tokens_per_second", static_cast<double>(tokens) / side.best_seconds},
                {"precision", side.profile->description().precision},
                {"kernels", side.profile->description().kernels}};
    if (side.times.product_macs > 0) {
      for (size_t part = 0; part < kParts; ++part) {
        row["parts"][kPartNames[part]] = static_cast<double>(side.times.ns[part]) / Total(side.times);
      }
      row["product_gops_per_thread"] = ProductRate(side.times);
    }
    results.push_back(std::move(row));
  }
  return {{"build_type", ROBERTA_BUILD_TYPE}, {"batch", batch}, {"threads", threads}, {"results", std::move(results)}};
}

int Fail(const std::string& text) {
  std::fprintf(stderr, "engine_bench: %s\n", text.c_str());
  return 1;
}

}  // namespace

int main(int argc, char** argv) {
  if (std::string_view(ROBERTA_BUILD_TYPE) != "Release") {
    return Fail("this is a " ROBERTA_BUILD_TYPE " build: only the figures of Release mean anything");
  }
  CLI::App app("Compares profiles on one model and one list of sequence lengths.", "engine_bench");
  std::string model, lengths_file;
  std::vector<std::string> names = {"reference", "baseline", "quantized", "amp", "pruned", "integrated"};
  size_t batch_size = 16;
  int threads = 2, passes = 3;
  app.add_option("--model", model, "Checkpoint directory (roberta-model init makes one)")->required();
  app.add_option("--lengths", lengths_file, "Sequence lengths in tokens, one a line")
      ->required()
      ->check(CLI::ExistingFile);
  app.add_option("--profiles", names, "Profiles to compare; the first is what the others are measured against")
      ->delimiter(',');
  app.add_option("--batch", batch_size, "Sequences in a batch (16)")->check(CLI::PositiveNumber);
  app.add_option("--threads", threads, "Executors (2)")->check(CLI::PositiveNumber);
  app.add_option("--passes", passes, "Passes over all batches (3)")->check(CLI::PositiveNumber);
  bool as_json = false;
  app.add_flag("--json", as_json, "Print one JSON object");
  CLI11_PARSE(app, argc, argv);

  const auto checkpoint = Checkpoint::Open(model);
  if (!checkpoint.ok()) return Fail(std::string(checkpoint.status().message()));
  std::vector<int> lengths;
  std::ifstream file(lengths_file);
  for (int length; file >> length;) lengths.push_back(length);
  for (const int length : lengths) {
    if (length < 2 || length > (*checkpoint)->config().max_tokens()) {
      return Fail(lengths_file + ": length " + std::to_string(length) + " is not from 2 to " +
                  std::to_string((*checkpoint)->config().max_tokens()));
    }
  }
  const std::vector<Batch> batches = MakeBatches(lengths, batch_size, **checkpoint);
  size_t tokens = 0;
  for (const Batch& batch : batches) tokens += batch.ids.size();

  std::vector<Side> sides;
  for (const std::string& name : names) {
    const auto loader = kLoaders.find(name);
    if (loader == kLoaders.end()) return Fail("no profile is called " + name);
    auto profile = loader->second(**checkpoint);
    if (!profile.ok()) return Fail(name + ": " + std::string(profile.status().message()));
    sides.push_back({name, *std::move(profile)});
  }
  const int64_t primitives = roberta::kernels::PrimitivesCreated();
  const auto labels = static_cast<size_t>((*checkpoint)->config().num_labels());
  for (int pass = 0; pass <= passes; ++pass) {  // the first one warms up
    for (Side& side : sides) {
      PartTimes times;
      const double seconds = RunAll(*side.profile, batches, labels, threads, &times);
      if (seconds < 0) return Fail(side.name + ": a batch failed");
      if (pass == 0 || seconds >= side.best_seconds) continue;
      side.best_seconds = seconds;
      side.times = times;
    }
  }
  if (roberta::kernels::PrimitivesCreated() != primitives)
    return Fail("a primitive was made after the profiles loaded");
  if (as_json) {
    std::printf("%s\n", Report(sides, lengths.size(), tokens, batch_size, threads).dump().c_str());
    return 0;
  }
  std::printf("%zu sequences, %zu tokens, batches of %zu, %d threads, best of %d passes\n", lengths.size(), tokens,
              batch_size, threads, passes);
  for (const Side& side : sides) {
    std::printf("%-10s %8.1f sequences/s %9.0f tokens/s %6.2f times %s\n", side.name.c_str(),
                static_cast<double>(lengths.size()) / side.best_seconds,
                static_cast<double>(tokens) / side.best_seconds, sides.front().best_seconds / side.best_seconds,
                sides.front().name.c_str());
    PrintParts(side);
  }
  return 0;
}
