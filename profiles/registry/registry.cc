#include "profiles/registry/registry.h"

#include <filesystem>
#include <functional>
#include <future>
#include <map>
#include <mutex>
#include <utility>

#include "absl/strings/str_join.h"
#include "profiles/errors/errors.h"

namespace roberta::registry {
namespace {

constexpr char kNeverAskedFor[] = "it was not asked for when the server started";

absl::Status CheckSpecs(const RegistryOptions& options) {
  std::map<std::string, int> seen;
  for (const ProfileSpec& spec : options.profiles) {
    const std::string where = absl::StrCat("profile \"", spec.name, "\": ");
    if (++seen[spec.name] > 1) return errors::InvalidArgument(where, "there are two of that name");
    const Recipe* recipe = FindRecipe(options.recipes, spec.recipe);
    if (recipe == nullptr) return errors::InvalidArgument(where, "there is no recipe \"", spec.recipe, "\"");
    if (spec.keep_macs && !recipe->prunes) {
      return errors::InvalidArgument(where, "recipe ", spec.recipe, " has no keep_macs");
    }
    if (!spec.calibration_file.empty() && !recipe->smooths) {
      return errors::InvalidArgument(where, "recipe ", spec.recipe, " has no calibration_file");
    }
  }
  if (seen.count(options.default_profile) == 0) {
    return errors::InvalidArgument("the default profile \"", options.default_profile, "\" is not one of the profiles");
  }
  return absl::OkStatus();
}

/// The same directory by another spelling is the model's own.
bool IsSameDirectory(const std::string& one, const std::string& other) {
  std::error_code failure;
  return std::filesystem::equivalent(one, other, failure) && !failure;
}

class RegistryImpl final : public Registry {
 public:
  RegistryImpl(const RegistryOptions& options, Model model, std::unique_ptr<ProfileLoader> loader)
      : model_(std::move(model)),
        executors_(options.executors),
        loader_(std::move(loader)),
        default_(options.default_profile) {
    for (ProfileSpec spec : options.profiles) {
      if (IsSameDirectory(spec.directory, options.directory)) spec.directory.clear();
      if (baseline_name_.empty() && spec.recipe == kBaseline && spec.directory.empty()) baseline_name_ = spec.name;
      names_.push_back(spec.name);
      Entry& entry = entries_[spec.name];
      entry.index = names_.size() - 1;
      entry.status.name = spec.name;
      entry.status.recipe = spec.recipe;
      const Recipe& recipe = *FindRecipe(options.recipes, spec.recipe);
      entry.status.summary = recipe.summary;
      const absl::Status found = recipe.find_module ? recipe.find_module() : absl::OkStatus();
      entry.status.reason = found.ok() ? kNeverAskedFor : std::string(found.message());
      entry.status.quality_reason = "the profile was never loaded";
      entry.spec = std::move(spec);
    }
  }

  void Observe(Observer* observer) override { observer_ = observer; }
  const std::vector<std::string>& names() const override { return names_; }
  const std::string& baseline_name() const override { return baseline_name_; }

  std::string default_profile() const override {
    const std::lock_guard lock(mutex_);
    return default_;
  }

  absl::Status Load(std::string_view name) override {
    std::unique_lock lock(mutex_);
    const auto found = entries_.find(name);
    if (found == entries_.end()) return UnknownName(name);
    Entry& entry = found->second;  // entries stay where they are
    if (entry.in_progress.valid()) {
      const std::shared_future<absl::Status> in_progress = entry.in_progress;
      lock.unlock();
      return in_progress.get();
    }
    std::promise<absl::Status> result;
    entry.in_progress = result.get_future().share();
    if (entry.profile == nullptr) {
      entry.status.state = ProfileState::kLoading;
      entry.status.reason = "it is being loaded";
    }
    lock.unlock();
    ReportChange(name);
    absl::Status status = LoadNow(entry);
    ReportChange(name);
    result.set_value(status);
    return status;
  }

  absl::StatusOr<std::shared_ptr<const encoder::Profile>> Unload(std::string_view name,
                                                                 const std::string& reason) override {
    std::shared_ptr<const encoder::Profile> unloaded;
    {
      const std::lock_guard lock(mutex_);
      const auto found = entries_.find(name);
      if (found == entries_.end()) return UnknownName(name);
      Entry& entry = found->second;
      if (entry.status.name == default_) {
        return errors::FailedPrecondition("profile \"", default_,
                                          "\" answers requests that name none; make another one the default first");
      }
      if (entry.in_progress.valid()) {
        return errors::FailedPrecondition("profile \"", entry.status.name, "\" is being loaded");
      }
      unloaded = std::move(entry.profile);
      entry.profile = nullptr;
      entry.attachment = nullptr;
      entry.status.state = ProfileState::kUnloaded;
      entry.status.reason = reason;
      entry.status.revision.clear();
      entry.status.description = {};
    }
    ReportChange(name);
    return unloaded;
  }

  absl::Status SetDefault(std::string_view name) override {
    std::string before;
    {
      const std::lock_guard lock(mutex_);
      ASSIGN_OR_RETURN(const auto ready, GetLocked(name));
      before = std::exchange(default_, ready.name);
    }
    ReportChange(before);
    ReportChange(name);
    return absl::OkStatus();
  }

  absl::StatusOr<LoadedProfile> Get(std::string_view name) const override {
    const std::lock_guard lock(mutex_);
    return GetLocked(name);
  }

  absl::StatusOr<LoadedProfile> GetDefault() const override {
    const std::lock_guard lock(mutex_);
    return GetLocked(default_);
  }

  std::vector<ProfileStatus> List() const override {
    const std::lock_guard lock(mutex_);
    std::vector<ProfileStatus> list;
    for (const std::string& name : names_) list.push_back(StatusLocked(entries_.at(name)));
    return list;
  }

  absl::StatusOr<ProfileStatus> StatusOf(std::string_view name) const override {
    const std::lock_guard lock(mutex_);
    const auto found = entries_.find(name);
    if (found == entries_.end()) return UnknownName(name);
    return StatusLocked(found->second);
  }

  const checkpoint::Checkpoint& checkpoint() const override { return *model_.checkpoint; }
  const tokenizer::Tokenizer& tokenizer() const override { return *model_.tokenizer; }

 private:
  struct Entry {
    ProfileSpec spec;  // never changes, nor does the index
    size_t index = 0;
    ProfileStatus status;
    std::shared_ptr<const encoder::Profile> profile;  // set exactly when READY
    std::shared_ptr<const void> attachment;           // to that profile
    std::shared_future<absl::Status> in_progress;     // valid while a load is
  };

  absl::Status UnknownName(std::string_view name) const {
    return errors::InvalidArgument("profile \"", std::string(name), "\" is unknown; the profiles are ",
                                   absl::StrJoin(names_, ", "));
  }

  absl::StatusOr<LoadedProfile> GetLocked(std::string_view name) const {
    const auto found = entries_.find(name);
    if (found == entries_.end()) return UnknownName(name);
    const ProfileStatus& status = found->second.status;
    if (status.state != ProfileState::kReady) {
      return errors::FailedPrecondition("profile \"", status.name, "\" is not ready: ", status.reason);
    }
    const Entry& entry = found->second;
    return LoadedProfile{status.name, status.revision, entry.index, entry.profile, entry.attachment};
  }

  ProfileStatus StatusLocked(const Entry& entry) const {
    ProfileStatus status = entry.status;
    status.is_default = status.name == default_;
    return status;
  }

  absl::Status LoadNow(Entry& entry) {
    LoadOutcome outcome;
    {
      const std::lock_guard one_at_a_time(load_mutex_);
      outcome = loader_->Load(entry.spec, [&](const LoadStep& step) {
        if (observer_ != nullptr) observer_->StepEnded(entry.spec.name, step);
      });
    }
    const absl::Status status = outcome.status;
    std::shared_ptr<const void> attachment;
    if (status.ok() && observer_ != nullptr) {
      attachment = observer_->Loaded({entry.spec.name, outcome.revision, entry.index, outcome.profile, nullptr});
    }
    std::shared_ptr<const encoder::Profile> replaced;  // freed without the lock
    std::shared_ptr<const void> replaced_attachment;
    const std::lock_guard lock(mutex_);
    entry.in_progress = {};
    if (!status.ok() && entry.profile != nullptr) {
      entry.status.reason = absl::StrCat("loading it again failed: ", status.message());
      return status;
    }
    replaced = std::exchange(entry.profile, std::move(outcome.profile));
    replaced_attachment = std::exchange(entry.attachment, std::move(attachment));
    Publish(std::move(outcome), &entry.status);
    return status;
  }

  void Publish(LoadOutcome outcome, ProfileStatus* status) const {
    const ProfileState without = outcome.unavailable ? ProfileState::kUnloaded : ProfileState::kFailed;
    status->state = outcome.status.ok() ? ProfileState::kReady : without;
    status->reason = std::string(outcome.status.message());
    status->revision = std::move(outcome.revision);
    status->description = std::move(outcome.description);
    status->load_seconds = 0;
    for (const LoadStep& step : outcome.steps) status->load_seconds += step.seconds;
    status->steps = std::move(outcome.steps);
    status->quality = outcome.quality;
    status->quality_reason = std::move(outcome.quality_reason);
    status->efficient_batch_tokens = outcome.efficient_tokens;
    status->expected_tokens_per_second = std::nullopt;
    if (outcome.tokens_per_second) {
      status->expected_tokens_per_second = *outcome.tokens_per_second * static_cast<double>(executors_);
    }
  }

  void ReportChange(std::string_view name) const {
    if (observer_ != nullptr) observer_->Changed(name);
  }

  const Model model_;
  const size_t executors_;
  std::vector<std::string> names_;
  std::string baseline_name_;
  Observer* observer_ = nullptr;

  std::mutex load_mutex_;
  const std::unique_ptr<ProfileLoader> loader_;  // its use guarded by load_mutex_

  mutable std::mutex mutex_;
  std::map<std::string, Entry, std::less<>> entries_;  // guarded by mutex_; its keys never change
  std::string default_;                                // guarded by mutex_
};

}  // namespace

absl::StatusOr<std::unique_ptr<Registry>> Registry::Open(const RegistryOptions& options) {
  RETURN_IF_ERROR(CheckSpecs(options));
  ASSIGN_OR_RETURN(auto model, OpenModel(options.directory));
  ASSIGN_OR_RETURN(auto loader,
                   ProfileLoader::Open(model, options.sample_file, options.recipes, options.run_all, options.warn));
  loader->AskForRoom(options.has_room, options.executors);
  loader->PackOn(options.pack_threads);
  return std::make_unique<RegistryImpl>(options, std::move(model), std::move(loader));
}

}  // namespace roberta::registry
