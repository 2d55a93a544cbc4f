#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "profiles/checkpoint/checkpoint.h"
#include "profiles/encoder/profile.h"
#include "profiles/quality/agreement.h"
#include "profiles/quality/sample.h"
#include "profiles/registry/recipes.h"
#include "profiles/tokenizer/tokenizer.h"

namespace roberta::registry {

/// What all profiles of a server share: labels, tokenizer, longest input, and the checkpoint of those that name no
/// other.
struct Model {
  std::shared_ptr<const checkpoint::Checkpoint> checkpoint;
  std::shared_ptr<const tokenizer::Tokenizer> tokenizer;
};

/// Errors are those of Checkpoint::Open and Tokenizer::Load, and InvalidArgument where the two disagree on the
/// vocabulary or the special tokens.
absl::StatusOr<Model> OpenModel(const std::string& directory);

/// Opens another checkpoint of the same model, for a profile of its own. InvalidArgument names what is not `model`'s:
/// labels, problem type, longest input, special tokens, size of the vocabulary or, where the directory has vocabulary
/// files, a token. Other errors are those of Checkpoint::Open and Tokenizer::Load.
absl::StatusOr<std::shared_ptr<const checkpoint::Checkpoint>> OpenVariant(const std::string& directory,
                                                                          const Model& model);

/// A part of a load and the time it took.
struct LoadStep {
  /// "load module", "read checkpoint", "read calibration", "pack weights", "warm-up", "baseline", "sample"
  std::string name;
  double seconds = 0;
};

/// What came of a load. Whatever was found out before it failed is there.
struct LoadOutcome {
  absl::Status status;
  /// The recipe's module could not be loaded, or there is no memory for the profile, as `status` says; what comes after
  /// that was not tried.
  bool unavailable = false;
  std::shared_ptr<const encoder::Profile> profile;  ///< set exactly if status is ok; keeps its checkpoint alive
  std::string revision;                             ///< hash of what it computes with
  uint64_t bytes_on_disk = 0;                       ///< of the weights' files that it was made of
  encoder::ProfileDescription description;
  std::vector<LoadStep> steps;
  std::optional<quality::Quality> quality;
  std::string quality_reason;               ///< why there is no quality; empty if there is
  std::optional<double> tokens_per_second;  ///< of one thread, on the sample
  std::optional<size_t> efficient_tokens;   ///< of a batch, on the sample: see quality::EfficientBatchTokens
};

/// Makes profiles of specs: opens the checkpoint, packs the weights, warms up, compares with the baseline on the
/// sample. Not for several threads at once.
class ProfileLoader {
 public:
  using OnStep = std::function<void(const LoadStep& step)>;
  using Warn = std::function<void(const std::string& line)>;

  /// Opens the sample: `sample_file`, or the model's own where that is empty and there is one. `run_all` finds threads
  /// for running it. Calls `warn` with one line if the sample has errors. A model's own sample that cannot be read at
  /// all counts as absent. Errors are those of quality::ReadSample for `sample_file`.
  static absl::StatusOr<std::unique_ptr<ProfileLoader>> Open(const Model& model, const std::string& sample_file,
                                                             const std::vector<Recipe>& recipes,
                                                             const quality::RunAll& run_all, const Warn& warn);

  /// A loader without a sample: it compares nothing, so that every profile that runs passes its gate.
  static std::unique_ptr<ProfileLoader> WithoutSample(const Model& model, const std::vector<Recipe>& recipes);

  /// Each load calls `has_room` before it packs weights, with an estimate of the memory that it will take, the first
  /// one with what `threads` need to run profiles as well; its error ends the load. Call before the first Load.
  using HasRoom = std::function<absl::Status(int64_t bytes)>;
  void AskForRoom(HasRoom has_room, size_t threads) {
    has_room_ = std::move(has_room);
    threads_ = threads;
  }

  /// `threads`, asked by each load, says on how many it may pack weights. Call before the first Load; else it is one.
  void PackOn(std::function<size_t()> threads) { pack_threads_ = std::move(threads); }

  /// Runs on the calling thread, except for packing and the sample, and reports each step when it ends.
  /// FailedPrecondition: the profile missed its gate, or the recipe's module cannot be loaded. Other errors are those
  /// of the checkpoint, the recipe, or a run. Afterwards the mapped pages of the checkpoint are given back to the
  /// system: what a profile still reads of them comes back by itself.
  LoadOutcome Load(const ProfileSpec& spec, const OnStep& on_step);

 private:
  class Clock;

  struct Calibration {
    quality::TokenizedSample texts;
    std::vector<quality::SampleBatch> parts;
    std::vector<encoder::PackedBatch> batches;  ///< views into the other two
  };

  ProfileLoader(Model model, std::vector<Recipe> recipes, quality::RunAll run_all)
      : model_(std::move(model)), recipes_(std::move(recipes)), run_all_(std::move(run_all)) {}

  absl::Status Make(const ProfileSpec& spec, Clock& clock, LoadOutcome* outcome);
  absl::Status Measure(const ProfileSpec& spec, const Recipe& recipe, const encoder::Profile& profile, Clock& clock,
                       size_t pack_threads, LoadOutcome* outcome);
  absl::Status EnsureBaseline(size_t pack_threads, Clock& clock);
  /// What the profile computes with: the directory that the spec names, else, for a recipe that prunes where the spec
  /// does not say how much, the pruned variant in the model's directory, else the model's checkpoint.
  absl::StatusOr<std::shared_ptr<const checkpoint::Checkpoint>> CheckpointFor(const ProfileSpec& spec,
                                                                              const Recipe& recipe) const;
  absl::StatusOr<std::unique_ptr<const Calibration>> ReadCalibration(const std::string& file) const;
  bool IsBaseline(const ProfileSpec& spec) const;
  /// Of the profile, of packing it on so many threads and, if it is to be compared with a baseline that has not run
  /// yet, of that one.
  int64_t BytesToLoad(const ProfileSpec& spec, const Recipe& recipe, const checkpoint::Checkpoint& checkpoint,
                      size_t pack_threads) const;
  size_t labels() const { return static_cast<size_t>(model_.checkpoint->config().num_labels()); }

  const Model model_;
  const std::vector<Recipe> recipes_;
  const quality::RunAll run_all_;
  std::function<size_t()> pack_threads_;  ///< unset: one
  size_t threads_ = 1;
  bool has_run_ = false;    ///< a profile was loaded before
  HasRoom has_room_;        ///< unset: there always is
  quality::Sample sample_;  ///< empty: there is none
  std::string no_sample_ = "there is no sample: the config names none and the model's directory has no sample.tsv";
  quality::TokenizedSample tokenized_;
  std::vector<float> baseline_logits_;  ///< [examples, labels]; empty until the baseline has run
};

}  // namespace roberta::registry
