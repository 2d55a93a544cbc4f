#include "profiles/registry/profile_loader.h"

#if defined(__GLIBC__)
#include <malloc.h>
#endif

#include <chrono>
#include <filesystem>
#include <utility>

#include "absl/strings/str_cat.h"
#include "profiles/checkpoint/content_hash.h"

namespace roberta::registry {

namespace {

constexpr char kNoSample[] = "there is no sample: the config names none and the model's directory has no sample.tsv";

/// Runs one short and one longest sequence, so that the first request pays for no lazy initialisation and a profile
/// that cannot run fails here.
absl::Status WarmUp(const encoder::Profile& profile, const checkpoint::ModelConfig& config) {
  for (int64_t length : {int64_t{2}, config.max_tokens()}) {
    const std::vector<int32_t> ids(static_cast<size_t>(length), config.eos_token_id);
    const std::vector<int32_t> cu_seqlens = {0, static_cast<int32_t>(length)};
    std::vector<float> logits(static_cast<size_t>(config.num_labels()));
    absl::Status status = profile.Run({ids, cu_seqlens}, absl::MakeSpan(logits));
    if (!status.ok()) return status;
  }
  return absl::OkStatus();
}

/// A profile with the checkpoint that it reads from.
struct Holding {
  std::shared_ptr<const checkpoint::Checkpoint> checkpoint;
  std::unique_ptr<const encoder::Profile> profile;  // goes first
};

quality::Gate GateOf(const ProfileSpec& spec, const Recipe& recipe) {
  quality::Gate gate = recipe.gate;
  if (spec.gate.min_agreement) gate.min_agreement = spec.gate.min_agreement;
  if (spec.gate.max_mean_abs_dp) gate.max_mean_abs_dp = spec.gate.max_mean_abs_dp;
  if (spec.gate.max_accuracy_drop_points) gate.max_accuracy_drop_points = spec.gate.max_accuracy_drop_points;
  return gate;
}

/// Packing weights and a baseline that was only there to be compared with leave holes in the heap.
void ReturnFreeMemory() {
#if defined(__GLIBC__)
  malloc_trim(0);
#endif
}

}  // namespace

/// Times the steps of one load.
class ProfileLoader::Clock {
 public:
  Clock(const OnStep& on_step, std::vector<LoadStep>* steps) : on_step_(on_step), steps_(*steps) {}

  void End(const char* name) {
    const auto now = std::chrono::steady_clock::now();
    steps_.push_back({name, std::chrono::duration<double>(now - last_).count()});
    last_ = now;
    if (on_step_) on_step_(steps_.back());
  }

 private:
  const OnStep& on_step_;
  std::vector<LoadStep>& steps_;
  std::chrono::steady_clock::time_point last_ = std::chrono::steady_clock::now();
};

absl::StatusOr<std::unique_ptr<ProfileLoader>> ProfileLoader::Open(const Model& model, const std::string& sample_file,
                                                                   const std::vector<Recipe>& recipes,
                                                                   const quality::RunAll& run_all) {
  std::unique_ptr<ProfileLoader> loader(new ProfileLoader(model, recipes, run_all));
  const std::string own = absl::StrCat(model.checkpoint->directory(), "/", quality::kSampleFile);
  std::error_code failure;
  if (sample_file.empty() && !std::filesystem::exists(own, failure)) return loader;
  const checkpoint::ModelConfig& config = model.checkpoint->config();
  auto sample = quality::ReadSample(sample_file.empty() ? own : sample_file, config);
  if (!sample.ok()) return sample.status();
  loader->sample_ = *std::move(sample);
  auto tokenized = quality::Tokenize(loader->sample_, *model.tokenizer, static_cast<size_t>(config.max_tokens()));
  if (!tokenized.ok()) return tokenized.status();
  loader->tokenized_ = *std::move(tokenized);
  return loader;
}

LoadOutcome ProfileLoader::Load(const ProfileSpec& spec, const OnStep& on_step) {
  LoadOutcome outcome;
  Clock clock(on_step, &outcome.steps);
  outcome.status = Make(spec, clock, &outcome);
  if (!outcome.status.ok()) outcome.profile = nullptr;
  model_.checkpoint->ReleasePages();
  ReturnFreeMemory();
  return outcome;
}

absl::Status ProfileLoader::Make(const ProfileSpec& spec, Clock& clock, LoadOutcome* outcome) {
  outcome->quality_reason = "the profile was not loaded as far as that";
  const Recipe* recipe = FindRecipe(recipes_, spec.recipe);
  if (recipe == nullptr) return absl::InvalidArgumentError(absl::StrCat("there is no recipe \"", spec.recipe, "\""));
  auto holding = std::make_shared<Holding>();
  holding->checkpoint = model_.checkpoint;
  if (!spec.directory.empty()) {
    auto own = OpenVariant(spec.directory, model_);
    if (!own.ok()) return own.status();
    holding->checkpoint = *std::move(own);
  }
  const checkpoint::Checkpoint& checkpoint = *holding->checkpoint;
  if (spec.keep_macs && !checkpoint.mask().empty()) {
    return absl::InvalidArgumentError(
        absl::StrCat(checkpoint.directory(), ": keep_macs is for a dense checkpoint; this one is pruned already"));
  }
  outcome->revision = checkpoint.revision();
  clock.End("read checkpoint");
  const double keep_macs = spec.keep_macs.value_or(kKeepMacs);
  if (recipe->prunes && checkpoint.mask().empty()) {
    const uint64_t hash = checkpoint::ContentHash(absl::StrCat(outcome->revision, " keep_macs ", keep_macs), 0);
    outcome->revision = absl::StrCat(absl::Hex(hash, absl::kZeroPad16));
  }
  LoadedRecipe loaded = recipe->load(checkpoint, keep_macs);
  if (!loaded.ok()) return loaded.status();
  holding->profile = *std::move(loaded);
  outcome->description = holding->profile->description();
  clock.End("pack weights");
  absl::Status status = WarmUp(*holding->profile, checkpoint.config());
  if (!status.ok()) return status;
  clock.End("warm-up");
  status = Measure(spec, *recipe, *holding->profile, clock, outcome);
  checkpoint.ReleasePages();
  outcome->profile = std::shared_ptr<const encoder::Profile>(holding, holding->profile.get());
  return status;
}

absl::Status ProfileLoader::Measure(const ProfileSpec& spec, const Recipe& recipe, const encoder::Profile& profile,
                                    Clock& clock, LoadOutcome* outcome) {
  outcome->quality_reason = kNoSample;
  if (sample_.empty()) return absl::OkStatus();
  if (!IsBaseline(spec)) {
    absl::Status status = EnsureBaseline(clock);
    if (!status.ok()) {
      outcome->quality_reason = absl::StrCat("the baseline to compare with failed: ", status.message());
      return absl::FailedPreconditionError(outcome->quality_reason);
    }
  }
  auto run = quality::RunSample(profile, tokenized_, labels(), run_all_);
  clock.End("sample");
  if (!run.ok()) {
    outcome->quality_reason = std::string(run.status().message());
    return run.status();
  }
  outcome->tokens_per_second = run->tokens_per_second;
  if (IsBaseline(spec)) baseline_logits_ = run->logits;
  outcome->quality = quality::CompareLogits(run->logits, baseline_logits_, sample_, model_.checkpoint->config());
  outcome->quality_reason.clear();
  return quality::CheckGate(GateOf(spec, recipe), *outcome->quality);
}

absl::Status ProfileLoader::EnsureBaseline(Clock& clock) {
  if (!baseline_logits_.empty()) return absl::OkStatus();
  const Recipe* recipe = FindRecipe(recipes_, kBaseline);
  if (recipe == nullptr) return absl::NotFoundError("there is no recipe baseline");
  LoadedRecipe baseline = recipe->load(*model_.checkpoint, kKeepMacs);
  if (!baseline.ok()) return baseline.status();
  auto run = quality::RunSample(**baseline, tokenized_, labels(), run_all_);
  if (!run.ok()) return run.status();
  baseline_logits_ = std::move(run->logits);
  clock.End("baseline");
  return absl::OkStatus();
}

bool ProfileLoader::IsBaseline(const ProfileSpec& spec) const {
  return spec.recipe == kBaseline && spec.directory.empty();
}

}  // namespace roberta::registry
