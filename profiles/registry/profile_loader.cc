#include "profiles/registry/profile_loader.h"

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <utility>

#include "absl/strings/str_join.h"
#include "profiles/checkpoint/files.h"
#include "profiles/encoder/calibration.h"
#include "profiles/errors/errors.h"
#include "profiles/json/strict_json.h"
#include "profiles/machine/cores.h"
#include "profiles/team/team.h"

namespace roberta::registry {
namespace {

using checkpoint::Checkpoint;
using checkpoint::ModelConfig;
using tokenizer::Tokenizer;

absl::StatusOr<std::shared_ptr<const Tokenizer>> LoadTokenizer(const std::string& directory,
                                                               checkpoint::TokenizerKind kind) {
  switch (kind) {
    case checkpoint::TokenizerKind::kByteLevelBpe:
      break;
  }
  return Tokenizer::Load(directory);
}

/// The checkpoint must have an embedding for every token that a text can have.
absl::Status CheckTokenizer(const Tokenizer& tokenizer, const ModelConfig& config) {
  const int32_t largest = tokenizer.largest_id();
  if (largest < config.vocab_size) return absl::OkStatus();
  return errors::InvalidArgument("the tokenizer has token ", json::Quoted(tokenizer.TokenText(largest)), " with id ",
                                 largest, ", but config.json has vocab_size ", config.vocab_size);
}

std::string TokensOf(const ModelConfig& config) {
  return absl::StrCat(config.vocab_size, " tokens with pad at ", config.pad_token_id);
}

std::string AnswersOf(const ModelConfig& config) {
  const std::string type(checkpoint::ProblemTypeName(config.problem_type));
  return absl::StrCat("labels ", absl::StrJoin(config.labels, ", "), type.empty() ? "" : " of " + type);
}

absl::Status CheckConfig(const ModelConfig& config, const ModelConfig& model) {
  const std::pair<std::string, std::string> held_together[] = {
      {AnswersOf(config), AnswersOf(model)},
      {absl::StrCat("max_tokens ", config.max_tokens()), absl::StrCat("max_tokens ", model.max_tokens())},
      {TokensOf(config), TokensOf(model)}};
  for (const auto& [own, expected] : held_together) {
    if (own != expected) return errors::InvalidArgument("has ", own, "; the model has ", expected);
  }
  return absl::OkStatus();
}

/// A directory without vocabulary files is read with the model's tokenizer.
absl::Status CheckVocabulary(const std::string& directory, const Tokenizer& model) {
  auto own = Tokenizer::Load(directory);
  if (own.status().code() == absl::StatusCode::kNotFound) return absl::OkStatus();
  if (!own.ok()) return own.status();
  if ((*own)->vocabulary_size() != model.vocabulary_size()) {
    return errors::InvalidArgument("has a vocabulary of ", (*own)->vocabulary_size(), " tokens; the model has ",
                                   model.vocabulary_size());
  }
  for (size_t i = 0; i < model.vocabulary_size(); ++i) {
    const auto id = static_cast<int32_t>(i);
    if ((*own)->TokenText(id) != model.TokenText(id)) {
      return errors::InvalidArgument("has another token ", id, " than the model");
    }
  }
  return absl::OkStatus();
}

/// Runs one sequence of that many tokens, so that the first request pays for no lazy initialization and a profile that
/// cannot run fails here. `team` helps, unless it is nullptr.
absl::Status WarmUp(const encoder::Profile& profile, const ModelConfig& config, int64_t length,
                    team::Team* team = nullptr) {
  const std::vector<int32_t> ids(static_cast<size_t>(length), 0);
  const std::vector<int32_t> cu_seqlens = {0, static_cast<int32_t>(length)};
  std::vector<float> logits(static_cast<size_t>(config.num_labels()));
  return profile.RunShared({ids, cu_seqlens}, absl::MakeSpan(logits), team);
}

/// The revision of what is made of `revision` by `settings`.
std::string Revised(const std::string& revision, const std::string& settings) {
  return absl::StrCat(absl::Hex(checkpoint::ContentHash(absl::StrCat(revision, settings), 0), absl::kZeroPad16));
}

/// A profile with the checkpoint that it reads from.
struct Holding {
  std::shared_ptr<const Checkpoint> checkpoint;
  std::unique_ptr<const encoder::Profile> profile;  // goes first
};

team::RunAll OnThreads(size_t threads) {
  return
      [threads](size_t count, const std::function<void(size_t)>& task) { machine::RunOnThreads(threads, count, task); };
}

quality::Gate GateOf(const ProfileSpec& spec, const Recipe& recipe) {
  quality::Gate gate = recipe.gate;
  if (spec.gate.min_agreement) gate.min_agreement = spec.gate.min_agreement;
  if (spec.gate.max_mean_abs_dp) gate.max_mean_abs_dp = spec.gate.max_mean_abs_dp;
  if (spec.gate.max_accuracy_drop_points) gate.max_accuracy_drop_points = spec.gate.max_accuracy_drop_points;
  return gate;
}

}  // namespace

absl::StatusOr<Model> OpenModel(const std::string& directory) {
  ASSIGN_OR_RETURN(auto checkpoint, Checkpoint::Open(directory));
  ASSIGN_OR_RETURN(auto tokenizer, LoadTokenizer(directory, checkpoint->config().family->tokenizer));
  const absl::Status status = CheckTokenizer(*tokenizer, checkpoint->config());
  if (!status.ok()) return errors::In(directory, status);
  return Model{std::move(checkpoint), std::move(tokenizer)};
}

absl::StatusOr<std::shared_ptr<const Checkpoint>> OpenVariant(const std::string& directory, const Model& model) {
  ASSIGN_OR_RETURN(auto checkpoint, Checkpoint::Open(directory));
  absl::Status status = CheckConfig(checkpoint->config(), model.checkpoint->config());
  if (status.ok()) status = CheckVocabulary(directory, *model.tokenizer);
  if (!status.ok()) return errors::In(directory, status);
  return std::shared_ptr<const Checkpoint>(std::move(checkpoint));
}

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
                                                                   const quality::RunAll& run_all, const Warn& warn) {
  std::unique_ptr<ProfileLoader> loader(new ProfileLoader(model, recipes, run_all));
  const std::string own = absl::StrCat(model.checkpoint->directory(), "/", quality::kSampleFile);
  std::error_code failure;
  if (sample_file.empty() && !std::filesystem::exists(own, failure)) return loader;
  const ModelConfig& config = model.checkpoint->config();
  std::string warning;
  auto sample = quality::ReadSample(sample_file.empty() ? own : sample_file, config, &warning);
  if (!sample.ok()) {
    if (!sample_file.empty()) return sample.status();
    warning = loader->no_sample_ = absl::StrCat("the sample cannot be read: ", sample.status().message());
  }
  if (!warning.empty() && warn) warn(warning);
  if (!sample.ok()) return loader;
  loader->sample_ = *std::move(sample);
  ASSIGN_OR_RETURN(loader->tokenized_, quality::Tokenize(loader->sample_, *model.tokenizer, config));
  return loader;
}

std::unique_ptr<ProfileLoader> ProfileLoader::WithoutSample(const Model& model, const std::vector<Recipe>& recipes) {
  return std::unique_ptr<ProfileLoader>(new ProfileLoader(model, recipes, quality::RunInTurn));
}

LoadOutcome ProfileLoader::Load(const ProfileSpec& spec, const OnStep& on_step) {
  LoadOutcome outcome;
  Clock clock(on_step, &outcome.steps);
  outcome.status = Make(spec, clock, &outcome);
  if (!outcome.status.ok()) outcome.profile = nullptr;
  has_run_ = has_run_ || outcome.status.ok();
  model_.checkpoint->ReleasePages();
  checkpoint::ReturnFreeMemory();
  return outcome;
}

absl::Status ProfileLoader::Make(const ProfileSpec& spec, Clock& clock, LoadOutcome* outcome) {
  outcome->quality_reason = "the profile was not loaded as far as that";
  const Recipe* recipe = FindRecipe(recipes_, spec.recipe);
  if (recipe == nullptr) return errors::InvalidArgument("there is no recipe \"", spec.recipe, "\"");
  if (recipe->load_module) {
    absl::Status status = recipe->load_module();
    outcome->unavailable = !status.ok();
    if (!status.ok()) return status;
    clock.End("load module");
  }
  auto holding = std::make_shared<Holding>();
  ASSIGN_OR_RETURN(holding->checkpoint, CheckpointFor(spec, *recipe));
  const Checkpoint& checkpoint = *holding->checkpoint;
  if (spec.keep_macs && !checkpoint.mask().empty()) {
    return errors::InvalidArgument(checkpoint.directory(),
                                   ": keep_macs is for a dense checkpoint; this one is pruned already");
  }
  const size_t pack_threads = pack_threads_ ? std::max<size_t>(pack_threads_(), 1) : 1;
  if (has_room_) {
    absl::Status status = has_room_(BytesToLoad(spec, *recipe, checkpoint, pack_threads));
    outcome->unavailable = !status.ok();
    if (!status.ok()) return status;
  }
  outcome->revision = checkpoint.revision();
  outcome->bytes_on_disk = checkpoint.bytes_on_disk();
  clock.End("read checkpoint");
  RecipeSettings settings;
  settings.pack_all = OnThreads(pack_threads);
  settings.keep_macs = spec.keep_macs.value_or(kKeepMacs);
  const bool is_cut = recipe->prunes && checkpoint.mask().empty();
  if (is_cut) outcome->revision = Revised(outcome->revision, absl::StrCat(" keep_macs ", settings.keep_macs));
  std::unique_ptr<const Calibration> calibration;
  std::optional<encoder::Calibration> stored;  // on a checkpoint that is cut at load, inputs are others
  if (!spec.calibration_file.empty()) {
    ASSIGN_OR_RETURN(calibration, ReadCalibration(spec.calibration_file));
    settings.calibration = calibration->batches;
    outcome->revision = Revised(outcome->revision, absl::StrCat(" calibration ", quality::HashOf(calibration->texts)));
    clock.End("read calibration");
  } else if (recipe->smooths && !is_cut) {
    ASSIGN_OR_RETURN(stored, encoder::ReadCalibration(checkpoint));
  }
  if (stored) {
    settings.smoothing = &stored->smoothing;
    outcome->revision = Revised(outcome->revision, absl::StrCat(" smoothing ", encoder::HashOf(stored->smoothing)));
    clock.End("read calibration");
  }
  ASSIGN_OR_RETURN(holding->profile, LoadProfile(*recipe, checkpoint, settings));
  outcome->description = holding->profile->description();
  clock.End("pack weights");
  RETURN_IF_ERROR(WarmUp(*holding->profile, checkpoint.config(), 2));
  // With a sample the longest sequence runs at its end.
  if (sample_.empty()) {
    RETURN_IF_ERROR(WarmUp(*holding->profile, checkpoint.config(), checkpoint.config().max_tokens()));
  }
  clock.End("warm-up");
  absl::Status status = Measure(spec, *recipe, *holding->profile, clock, pack_threads, outcome);
  checkpoint.ReleasePages();
  outcome->profile = std::shared_ptr<const encoder::Profile>(holding, holding->profile.get());
  return status;
}

absl::StatusOr<std::shared_ptr<const Checkpoint>> ProfileLoader::CheckpointFor(const ProfileSpec& spec,
                                                                               const Recipe& recipe) const {
  if (!spec.directory.empty()) return OpenVariant(spec.directory, model_);
  if (recipe.prunes && !spec.keep_macs && model_.checkpoint->mask().empty()) {
    const auto variant = checkpoint::FindPrunedVariant(model_.checkpoint->directory());
    if (variant) return OpenVariant(*variant, model_);
  }
  return model_.checkpoint;
}

absl::StatusOr<std::unique_ptr<const ProfileLoader::Calibration>> ProfileLoader::ReadCalibration(
    const std::string& file) const {
  const ModelConfig& config = model_.checkpoint->config();
  ASSIGN_OR_RETURN(auto texts, quality::ReadSample(file, config));
  texts.resize(std::min(texts.size(), kMostCalibrationTexts));
  auto calibration = std::make_unique<Calibration>();
  ASSIGN_OR_RETURN(calibration->texts, quality::Tokenize(texts, *model_.tokenizer, config));
  calibration->parts = quality::FormBatches(calibration->texts);
  for (const quality::SampleBatch& part : calibration->parts) {
    calibration->batches.push_back(part.View(calibration->texts));
  }
  return calibration;
}

absl::Status ProfileLoader::Measure(const ProfileSpec& spec, const Recipe& recipe, const encoder::Profile& profile,
                                    Clock& clock, size_t pack_threads, LoadOutcome* outcome) {
  outcome->quality_reason = no_sample_;
  if (sample_.empty()) return absl::OkStatus();
  if (!IsBaseline(spec)) {
    absl::Status status = EnsureBaseline(pack_threads, clock);
    if (!status.ok()) {
      outcome->quality_reason = absl::StrCat("the baseline to compare with failed: ", status.message());
      return absl::FailedPreconditionError(outcome->quality_reason);
    }
  }
  const ModelConfig& config = model_.checkpoint->config();
  // Batches last long, and the threads do not end together. Whichever is free first takes the longest sequence, and the
  // others, as they come free, help it.
  constexpr size_t kMostHelpers = 15;
  absl::Status longest;
  team::SharedWork team;
  const team::SharedWork::Call help_wanted = team.call();
  const auto with_the_longest = [&](size_t count, const std::function<void(size_t)>& task) {
    run_all_(count + 1 + kMostHelpers, [&](size_t i) {
      if (i < count) return task(i);
      if (i > count) return team.Help(help_wanted);
      longest = WarmUp(profile, config, config.max_tokens(), &team);
      team.Dismiss();
    });
  };
  auto run = quality::RunSample(profile, tokenized_, labels(), with_the_longest, quality::kSeveralSizes);
  clock.End("sample");
  RETURN_IF_ERROR(longest);
  if (!run.ok()) {
    outcome->quality_reason = std::string(run.status().message());
    return run.status();
  }
  outcome->tokens_per_second = run->tokens_per_second;
  outcome->efficient_tokens = run->efficient_tokens;
  if (IsBaseline(spec)) baseline_logits_ = run->logits;
  outcome->quality = quality::CompareLogits(run->logits, baseline_logits_, sample_, model_.checkpoint->config());
  outcome->quality_reason.clear();
  return quality::CheckGate(GateOf(spec, recipe), *outcome->quality);
}

absl::Status ProfileLoader::EnsureBaseline(size_t pack_threads, Clock& clock) {
  if (!baseline_logits_.empty()) return absl::OkStatus();
  const Recipe* recipe = FindRecipe(recipes_, kBaseline);
  if (recipe == nullptr) return absl::NotFoundError("there is no recipe baseline");
  RecipeSettings settings;
  settings.pack_all = OnThreads(pack_threads);
  ASSIGN_OR_RETURN(auto baseline, LoadProfile(*recipe, *model_.checkpoint, settings));
  ASSIGN_OR_RETURN(auto run, quality::RunSample(*baseline, tokenized_, labels(), run_all_));
  baseline_logits_ = std::move(run.logits);
  clock.End("baseline");
  return absl::OkStatus();
}

int64_t ProfileLoader::BytesToLoad(const ProfileSpec& spec, const Recipe& recipe, const Checkpoint& checkpoint,
                                   size_t pack_threads) const {
  const bool is_cut = recipe.prunes && checkpoint.mask().empty();
  const double kept_share = is_cut ? spec.keep_macs.value_or(kKeepMacs) : 1;
  int64_t weights = WeighProfile(recipe, checkpoint, checkpoint.mask(), kept_share).packed;
  const Recipe* baseline = FindRecipe(recipes_, kBaseline);
  if (!IsBaseline(spec) && !sample_.empty() && baseline_logits_.empty() && baseline != nullptr) {
    weights += WeighProfile(*baseline, *model_.checkpoint, model_.checkpoint->mask()).packed;
  }
  // The weights of a profile have scales and small arrays beside them, and measuring kernels and packing take some more
  // for a while: what loads of the demo model were measured to take, rounded up.
  constexpr int64_t kForLoading = 8 << 20;
  const int64_t running = has_run_ ? 0 : static_cast<int64_t>(threads_) * encoder::BytesPerThread(checkpoint.config());
  const ModelConfig& config = checkpoint.config();
  // Further threads that pack have the largest matrix each, as floats and, for int8, as bytes.
  const int64_t largest = config.hidden_size * std::max(3 * config.hidden_size, config.intermediate_size);
  const int64_t packing = static_cast<int64_t>(pack_threads - 1) * largest * static_cast<int64_t>(sizeof(float) + 1);
  return weights + weights / 10 + running + packing + kForLoading;
}

bool ProfileLoader::IsBaseline(const ProfileSpec& spec) const {
  return spec.recipe == kBaseline && spec.directory.empty();
}

}  // namespace roberta::registry
