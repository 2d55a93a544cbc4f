#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "profiles/checkpoint/checkpoint.h"
#include "profiles/encoder/profile.h"
#include "profiles/quality/agreement.h"
#include "profiles/registry/profile_loader.h"
#include "profiles/registry/recipes.h"
#include "profiles/tokenizer/tokenizer.h"

namespace roberta::registry {

enum class ProfileState { kUnloaded, kLoading, kReady, kFailed };

/// The state of one profile at one moment.
struct ProfileStatus {
  std::string name;
  std::string recipe;
  std::string summary;  ///< the recipe's
  bool is_default = false;
  ProfileState state = ProfileState::kUnloaded;
  /// Why it is LOADING, FAILED or UNLOADED; of a READY one empty, or why loading it again failed.
  std::string reason;
  std::string revision;                     ///< hash of what it computes with; empty if UNLOADED
  encoder::ProfileDescription description;  ///< of the last load; empty if UNLOADED
  std::vector<LoadStep> steps;              ///< of the last load that ended
  double load_seconds = 0;                  ///< all steps together
  std::optional<quality::Quality> quality;
  std::string quality_reason;  ///< why quality is not measured; empty if it is
  /// An estimate: the rate of a thread on the sample, measured at load, times the executors. Where the sample ran on as
  /// many threads as there are executors it is what they reach together; where it ran on fewer, the most they can.
  std::optional<double> expected_tokens_per_second;
  /// The least tokens that make a batch efficient, measured on the sample: see quality::EfficientBatchTokens.
  std::optional<size_t> efficient_batch_tokens;
};

/// A profile that is ready to run. Holding it keeps it alive.
struct LoadedProfile {
  std::string name;
  std::string revision;
  size_t index = 0;  ///< in Registry::names()
  std::shared_ptr<const encoder::Profile> profile;
  /// What Observer::Loaded made for it, once per load: the registry does not know how its user runs a profile.
  std::shared_ptr<const void> attachment;
};

struct RegistryOptions {
  std::string directory;    ///< of the model
  std::string sample_file;  ///< texts to compare profiles on; empty: the model's sample.tsv where there is one
  std::vector<ProfileSpec> profiles;
  std::string default_profile;                   ///< one of them
  size_t executors = 1;                          ///< threads that will run profiles: for expected_tokens_per_second
  quality::RunAll run_all = quality::RunInTurn;  ///< finds threads for running the sample, which takes most of a load
  std::function<size_t()> pack_threads;          ///< asked by each load: how many may pack weights; unset: one
  std::vector<Recipe> recipes = BuiltInRecipes();
  ProfileLoader::Warn warn;         ///< called with the errors of the sample
  ProfileLoader::HasRoom has_room;  ///< asked before each load; unset: there always is room
};

/// Observes a registry; called on the thread that makes the change.
class Observer {
 public:
  virtual ~Observer() = default;
  virtual void StepEnded(std::string_view profile, const LoadStep& step) = 0;
  /// A profile was loaded, and becomes READY when this returns. What it returns is kept in LoadedProfile::attachment
  /// for as long as the profile.
  virtual std::shared_ptr<const void> Loaded(const LoadedProfile& /*profile*/) { return nullptr; }
  /// The profile's state, or the default, may have changed. Calls for changes that come close together may arrive in
  /// any order: ask the registry for the current state.
  virtual void Changed(std::string_view profile) = 0;
};

/// The model of one directory and its profiles by name. Threads: any, at any time. Requests hold what Get returns,
/// so a profile that is loaded again, or unloaded, still answers the requests that hold it already, and no others.
class Registry {
 public:
  /// Opens checkpoint, tokenizer and sample; loads no profile. Errors are those of OpenModel and quality::ReadSample,
  /// and InvalidArgument for a spec that is inconsistent: a name twice, an unknown recipe, keep_macs for a recipe that
  /// does not prune, a calibration_file for one that is not smoothed, a default that is not among the profiles.
  static absl::StatusOr<std::unique_ptr<Registry>> Open(const RegistryOptions& options);

  virtual ~Registry() = default;

  /// `observer` is called from then on; it must outlive the registry, and be set before the first Load.
  virtual void Observe(Observer* observer) = 0;

  /// Every name a request may give, loaded or not, in the order in which they are listed.
  virtual const std::vector<std::string>& names() const = 0;
  /// The profile that others are compared with; empty if there is none.
  virtual const std::string& baseline_name() const = 0;
  virtual std::string default_profile() const = 0;

  /// Loads a profile, warms it up and compares it with the baseline; returns when that is done. One load runs at a
  /// time; a call for a profile that is being loaded shares that load's result. A READY profile goes on serving until
  /// the new one replaces it, and stays if that fails. InvalidArgument: unknown name, with the list. Other errors are
  /// the loader's; where the recipe's module cannot be loaded, or there is no room, the profile stays UNLOADED with
  /// that reason.
  virtual absl::Status Load(std::string_view name) = 0;

  /// From now on requests for it are refused, as `reason` says. Returns the profile that was loaded (nullptr if none
  /// was): dropping its last holder frees the memory, which takes a while. FailedPrecondition for the default profile
  /// and for one that is being loaded; InvalidArgument for an unknown name.
  virtual absl::StatusOr<std::shared_ptr<const encoder::Profile>> Unload(
      std::string_view name, const std::string& reason = "it was unloaded on request") = 0;

  /// Makes a READY profile the default, for requests that name no profile. FailedPrecondition with the reason for
  /// another state; InvalidArgument for an unknown name.
  virtual absl::Status SetDefault(std::string_view name) = 0;

  /// The profile of that name if it is READY. InvalidArgument for an unknown name, with the list; FailedPrecondition
  /// with the reason for one that is not ready.
  virtual absl::StatusOr<LoadedProfile> Get(std::string_view name) const = 0;
  /// The profile that is the default at this moment.
  virtual absl::StatusOr<LoadedProfile> GetDefault() const = 0;

  /// Every profile, in the order of names().
  virtual std::vector<ProfileStatus> List() const = 0;
  /// InvalidArgument for an unknown name.
  virtual absl::StatusOr<ProfileStatus> StatusOf(std::string_view name) const = 0;

  virtual const checkpoint::Checkpoint& checkpoint() const = 0;
  virtual const tokenizer::Tokenizer& tokenizer() const = 0;
};

}  // namespace roberta::registry
