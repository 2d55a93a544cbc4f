#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "profiles/checkpoint/checkpoint.h"
#include "profiles/encoder/profile.h"
#include "profiles/tokenizer/tokenizer.h"

namespace roberta::registry {

enum class ProfileState { kUnloaded, kLoading, kReady, kFailed };

/// What is known of one profile at one moment.
struct ProfileStatus {
  std::string name;
  ProfileState state = ProfileState::kUnloaded;
  std::string reason;    ///< why it is FAILED or UNLOADED; empty when READY
  std::string revision;  ///< hash of what it computes with; empty unless READY
  encoder::ProfileDescription description;
  double load_seconds = 0;
};

/// A profile that is ready to run, kept alive by whoever holds it.
struct LoadedProfile {
  std::string name;
  std::string revision;
  std::shared_ptr<const encoder::Profile> profile;
};

/// The model of one directory and its profiles by name. Threads: any, at any time.
class Registry {
 public:
  /// Every name a request may give, loaded or not, in the order in which they are listed.
  static const std::vector<std::string>& KnownNames();

  /// Opens the checkpoint and the tokenizer of `directory`; loads no profile. Errors are those of Checkpoint::Open and
  /// Tokenizer::Load, and InvalidArgument where the two disagree on the vocabulary.
  static absl::StatusOr<std::unique_ptr<Registry>> Open(const std::string& directory);

  virtual ~Registry() = default;

  /// Loads one profile and warms it up. InvalidArgument: unknown name (lists the known ones).
  virtual absl::Status Load(std::string_view name) = 0;

  /// The profile of that name if it is READY. InvalidArgument for an unknown name, with the list; FailedPrecondition
  /// with the reason for one that is not ready.
  virtual absl::StatusOr<LoadedProfile> Get(std::string_view name) const = 0;

  /// Every known name, in the order of KnownNames().
  virtual std::vector<ProfileStatus> List() const = 0;

  virtual const checkpoint::Checkpoint& checkpoint() const = 0;
  virtual const tokenizer::Tokenizer& tokenizer() const = 0;
};

}  // namespace roberta::registry
