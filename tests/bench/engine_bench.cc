// How fast the profiles run a list of sequence lengths: the same batches for each, passes over all of them alternating
// between the profiles, the best pass of each counts. Token ids are random, so only time is measured here.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "profiles/checkpoint/checkpoint.h"
#include "profiles/kernels/isa.h"
#include "profiles/kernels/linear.h"
#include "profiles/registry/recipes.h"
#include "profiles/team/team.h"
#include "server/batching/batch_policy.h"
#include "tests/bench/engine_report.h"
#include "tests/bench/standalone_products.h"
#include "tests/bench/workload.h"

namespace roberta::bench {
namespace {

using checkpoint::Checkpoint;
using encoder::Profile;

/// A third of the multiply-accumulates off, as the targets have it.
constexpr double kKeepMacs = 2.0 / 3.0;
/// Runs of a single request in a pass, after one that warms up.
constexpr int kSingleRuns = 7;

struct Options {
  std::string model, lengths_file;
  std::vector<std::string> names = {"reference", "baseline", "quantized", "amp", "pruned", "integrated"};
  size_t batch_size = 16, batch_tokens = 2048;
  std::vector<std::string> strategies;
  int threads = 2, passes = 3, repeat = 1;
  std::vector<int> single;
  bool as_json = false;
};

batching::LoadingStrategy StrategyOf(const std::string& name) {
  const auto& names = batching::kLoadingStrategyNames;
  return static_cast<batching::LoadingStrategy>(std::find(names.begin(), names.end(), name) - names.begin());
}

/// What the passes run, and the figures that are taken along with them.
class Measurement {
 public:
  Measurement(const Options& options, const checkpoint::ModelConfig& config, const std::vector<int>& lengths)
      : options_(options), config_(config), labels_(static_cast<size_t>(config.num_labels())) {
    if (options.strategies.empty()) batches_[""] = MakeBatches(lengths, options.batch_size, config);
    for (const std::string& name : options.strategies) {
      batches_[name] = MakeBatches(lengths, StrategyOf(name), options.batch_tokens, config);
    }
    for (const int tokens : options.single) single_[tokens] = MakeBatches({tokens}, 1, config).front();
  }

  /// The first pass warms up. Internal if a batch fails, or if a primitive is made while one runs.
  absl::Status Run(std::vector<Side>* sides) {
    for (Side& side : *sides) {
      const absl::Status status = MakeProducts(side);
      if (!status.ok()) return status;
    }
    for (int pass = 0; pass <= options_.passes; ++pass) {
      for (Side& side : *sides) {
        const int64_t primitives = kernels::PrimitivesCreated();
        absl::Status status = RunBatches(pass > 0, &side);
        status.Update(RunSingle(pass > 0, &side));
        if (!status.ok()) return absl::Status(status.code(), side.name + ": " + std::string(status.message()));
        if (kernels::PrimitivesCreated() != primitives) {
          return absl::InternalError(side.name + ": a primitive was made after the profile was loaded");
        }
      }
      // Between the passes, so that a slow minute of the host hits these too.
      for (auto& [precision, products] : products_) {
        products->Measure(options_.threads);
        MeasurePeak(precision);
      }
    }
    for (Side& side : *sides) Finish(&side);
    return absl::OkStatus();
  }

  size_t tokens() const {
    size_t tokens = 0;
    for (const Batch& batch : batches_.begin()->second) tokens += batch.ids.size();
    return tokens;
  }

 private:
  absl::Status MakeProducts(const Side& side) {
    if (dynamic_cast<const encoder::TimedProfile*>(side.profile.get()) == nullptr) return absl::OkStatus();
    const std::string& precision = side.profile->description().precision;
    if (products_.count(precision) > 0) return absl::OkStatus();
    auto made = StandaloneProducts::Make(config_, batches_.at(side.strategy), PrecisionsOf(precision));
    if (made.ok()) products_.emplace(precision, *std::move(made));
    return made.status();
  }

  absl::Status RunBatches(bool counts, Side* side) const {
    encoder::PartTimes times;
    const auto seconds = SecondsOfAll(*side->profile, batches_.at(side->strategy), labels_, options_.threads, &times);
    if (!seconds.ok()) return seconds.status();
    if (counts && *seconds < side->best_seconds) {
      side->best_seconds = *seconds;
      side->times = times;
    }
    return absl::OkStatus();
  }

  /// Each request in turn alone on one thread and with a second one that helps.
  absl::Status RunSingle(bool counts, Side* side) {
    if (single_.empty()) return absl::OkStatus();
    team::SharedWork work;
    std::thread helper([&work, call = work.call()] { work.Help(call); });  // sleeps while nothing is shared
    absl::Status status;
    for (const auto& [tokens, request] : single_) {
      for (int run = 0; run <= kSingleRuns && status.ok(); ++run) {
        const auto alone = SecondsOfOne(*side->profile, request, labels_, nullptr);
        const auto split = SecondsOfOne(*side->profile, request, labels_, &work);
        status.Update(alone.status());
        status.Update(split.status());
        if (!status.ok() || !counts || run == 0) continue;
        single_seconds_[side->name][tokens].push_back(*alone);
        split_seconds_[side->name][tokens].push_back(*split);
      }
    }
    work.Dismiss();
    helper.join();
    return status;
  }

  /// Keeps the highest of all measurements.
  void MeasurePeak(const std::string& description) {
    for (const kernels::Precision precision : PrecisionsOf(description)) {
      std::vector<std::optional<kernels::RegisterPeak>> peaks(static_cast<size_t>(options_.threads));
      std::vector<std::thread> workers;  // all at once, as in the encoder
      for (auto& own : peaks)
        workers.emplace_back([&own, precision] { own = kernels::MeasureRegisterPeak(precision); });
      for (std::thread& worker : workers) worker.join();
      if (!peaks.front()) continue;
      double sum = 0;
      for (const auto& own : peaks) sum += own->gops;
      kernels::RegisterPeak& highest = peaks_[description];
      if (sum / options_.threads > highest.gops) highest = {peaks.front()->instruction, sum / options_.threads};
    }
  }

  using SecondsByTokens = std::map<int, std::vector<double>>;

  static std::map<int, double> MediansOf(SecondsByTokens* seconds_of) {
    std::map<int, double> medians;
    for (auto& [tokens, seconds] : *seconds_of) {
      const auto middle = seconds.begin() + static_cast<std::ptrdiff_t>(seconds.size() / 2);
      std::nth_element(seconds.begin(), middle, seconds.end());
      medians[tokens] = *middle;
    }
    return medians;
  }

  void Finish(Side* side) {
    const std::vector<Batch>& batches = batches_.at(side->strategy);
    int64_t computed = 0;
    for (const Batch& batch : batches) computed += batch.computed_tokens();
    side->batches = batches.size();
    side->padding_ratio = 1 - static_cast<double>(tokens()) / static_cast<double>(computed);
    side->median_seconds_of_one = MediansOf(&single_seconds_[side->name]);
    side->median_seconds_of_one_split = MediansOf(&split_seconds_[side->name]);
    const auto products = products_.find(side->profile->description().precision);
    if (side->times.product_macs == 0 || products == products_.end()) return;
    side->alone_gops_per_thread = products->second->GopsPerThread();
    const auto peak = peaks_.find(products->first);
    if (peak != peaks_.end()) side->peak = peak->second;
  }

  const Options& options_;
  const checkpoint::ModelConfig& config_;
  const size_t labels_;
  std::map<std::string, std::vector<Batch>> batches_;                      ///< by strategy
  std::map<int, Batch> single_;                                            ///< by tokens
  std::map<std::string, SecondsByTokens> single_seconds_, split_seconds_;  ///< by profile
  std::map<std::string, kernels::RegisterPeak> peaks_;                   ///< by what a description calls its precisions
  std::map<std::string, std::unique_ptr<StandaloneProducts>> products_;  ///< by what a description calls them
};

int Fail(std::string_view text) {
  std::fprintf(stderr, "engine_bench: %.*s\n", static_cast<int>(text.size()), text.data());
  return 1;
}

int Fail(const absl::Status& status) {
  return Fail(std::string_view(status.message().data(), status.message().size()));
}

int Run(const Options& options) {
  const auto checkpoint = Checkpoint::Open(options.model);
  if (!checkpoint.ok()) return Fail(checkpoint.status());
  const checkpoint::ModelConfig& config = (*checkpoint)->config();
  auto lengths = ReadLengths(options.lengths_file, config.max_tokens());
  if (!lengths.ok()) return Fail(lengths.status());
  const std::vector<int> once = *lengths;
  for (int i = 1; i < options.repeat; ++i) lengths->insert(lengths->end(), once.begin(), once.end());
  for (const int tokens : options.single) {
    if (tokens < 2 || tokens > config.max_tokens()) {
      return Fail("--single: " + std::to_string(tokens) + " is not from 2 to " + std::to_string(config.max_tokens()));
    }
  }
  std::vector<Side> sides;
  for (const std::string& name : options.names) {
    const registry::Recipe* recipe = registry::FindRecipe(registry::BuiltInRecipes(), name);
    if (recipe == nullptr) return Fail("no profile is called " + name);
    auto loaded = registry::LoadProfile(*recipe, **checkpoint, {.keep_macs = kKeepMacs});
    if (!loaded.ok()) return Fail(name + ": " + std::string(loaded.status().message()));
    const std::shared_ptr<const Profile> profile = *std::move(loaded);
    const std::vector<std::string> fixed = {""};
    for (const std::string& strategy : options.strategies.empty() ? fixed : options.strategies) {
      Side& side = sides.emplace_back();
      side.name = name;
      side.strategy = strategy;
      side.profile = profile;
    }
  }
  Measurement measurement(options, config, *lengths);
  const absl::Status status = measurement.Run(&sides);
  if (!status.ok()) return Fail(status);
  const Workload workload = {.build_type = ROBERTA_BUILD_TYPE,
                             .sequences = lengths->size(),
                             .tokens = measurement.tokens(),
                             .batch = options.batch_size,
                             .batch_tokens = options.strategies.empty() ? 0 : options.batch_tokens,
                             .threads = options.threads,
                             .passes = options.passes};
  if (options.as_json) {
    std::printf("%s\n", JsonReport(workload, sides).c_str());
  } else {
    PrintReport(workload, sides);
  }
  return 0;
}

}  // namespace
}  // namespace roberta::bench

int main(int argc, char** argv) {
  if (std::string_view(ROBERTA_BUILD_TYPE) != "Release") {
    return roberta::bench::Fail("this is a " ROBERTA_BUILD_TYPE " build: only the figures of Release mean anything");
  }
  CLI::App app("Compares profiles on one model and one list of sequence lengths.", "engine_bench");
  roberta::bench::Options options;
  app.add_option("--model", options.model, "Checkpoint directory (roberta-model init makes one)")->required();
  app.add_option("--lengths", options.lengths_file, "Sequence lengths in tokens, one a line")
      ->required()
      ->check(CLI::ExistingFile);
  app.add_option("--profiles", options.names, "Profiles to compare; the first is what the others are measured against")
      ->delimiter(',');
  app.add_option("--batch", options.batch_size, "Sequences in a batch (16)")->check(CLI::PositiveNumber);
  app.add_option(
         "--strategy", options.strategies,
         "How batches are made of all sequences, as the server does: packed, padded, bucketed; several are run in "
         "turn, and compared with packed")
      ->delimiter(',')
      ->check(CLI::IsMember(std::vector<std::string>(roberta::batching::kLoadingStrategyNames.begin(),
                                                     roberta::batching::kLoadingStrategyNames.end())));
  app.add_option("--batch-tokens", options.batch_tokens, "With --strategy: tokens of a batch, pads included (2048)")
      ->check(CLI::PositiveNumber);
  app.add_option("--repeat", options.repeat, "Run the list of lengths so many times over (1)")
      ->check(CLI::PositiveNumber);
  app.add_option("--threads", options.threads, "Executors (2)")->check(CLI::PositiveNumber);
  app.add_option("--passes", options.passes, "Passes over all batches (3)")->check(CLI::PositiveNumber);
  app.add_option("--single", options.single,
                 "Also the time of single requests of these many tokens, alone on one thread and split over two")
      ->delimiter(',')
      ->check(CLI::PositiveNumber);
  app.add_flag("--json", options.as_json, "Print one JSON object");
  CLI11_PARSE(app, argc, argv);
  return roberta::bench::Run(options);
}
