#include "profiles/registry.h"

#include <chrono>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "profiles/amp/amp.h"
#include "profiles/baseline/baseline.h"
#include "profiles/integrated/integrated.h"
#include "profiles/pruned/pruned.h"
#include "profiles/quantized/quantized.h"
#include "profiles/reference/reference_profile.h"

namespace roberta::registry {

namespace {

using Loaded = absl::StatusOr<std::unique_ptr<const encoder::Profile>>;

/// Of a dense checkpoint `pruned` and `integrated` leave out a third of the multiply-accumulates.
constexpr double kKeptMacs = 2.0 / 3;

/// Every profile name and how it is loaded.
struct Recipe {
  const char* name;
  Loaded (*load)(const checkpoint::Checkpoint&);
};

constexpr Recipe kRecipes[] = {
    {"baseline", [](const checkpoint::Checkpoint& checkpoint) -> Loaded { return baseline::LoadBaseline(checkpoint); }},
    {"quantized",
     [](const checkpoint::Checkpoint& checkpoint) -> Loaded { return quantized::LoadQuantized(checkpoint); }},
    {"pruned",
     [](const checkpoint::Checkpoint& checkpoint) -> Loaded { return pruned::LoadPruned(checkpoint, kKeptMacs); }},
    {"amp", [](const checkpoint::Checkpoint& checkpoint) -> Loaded { return amp::LoadAmp(checkpoint); }},
    {"integrated",
     [](const checkpoint::Checkpoint& checkpoint) -> Loaded {
       return integrated::LoadIntegrated(checkpoint, kKeptMacs);
     }},
    {"reference",
     [](const checkpoint::Checkpoint& checkpoint) -> Loaded { return reference::LoadReferenceProfile(checkpoint); }},
};

constexpr char kNotRequested[] = "not among the profiles this server was started with";

const Recipe* FindRecipe(std::string_view name) {
  for (const Recipe& recipe : kRecipes) {
    if (name == recipe.name) return &recipe;
  }
  return nullptr;
}

absl::Status UnknownName(std::string_view name) {
  return absl::InvalidArgumentError(absl::StrCat("profile \"", std::string(name), "\" is unknown; the profiles are ",
                                                 absl::StrJoin(Registry::KnownNames(), ", ")));
}

/// The checkpoint must have an embedding for every token and the tokenizer's special tokens where its config puts them.
absl::Status CheckTokenizer(const tokenizer::Tokenizer& tokenizer, const checkpoint::ModelConfig& config) {
  if (static_cast<int64_t>(tokenizer.vocabulary_size()) > config.vocab_size) {
    return absl::InvalidArgumentError(absl::StrCat("the tokenizer has ", tokenizer.vocabulary_size(),
                                                   " tokens, but config.json has vocab_size ", config.vocab_size));
  }
  tokenizer::Encoding empty;
  absl::Status status = tokenizer.Encode("", std::nullopt, {}, &empty);
  if (!status.ok()) return status;
  if (empty.ids.size() != 2 || empty.ids[0] != config.bos_token_id || empty.ids[1] != config.eos_token_id) {
    return absl::InvalidArgumentError(absl::StrCat("the tokenizer wraps a text in ids ", absl::StrJoin(empty.ids, ", "),
                                                   ", but config.json has bos_token_id ", config.bos_token_id,
                                                   " and eos_token_id ", config.eos_token_id));
  }
  return absl::OkStatus();
}

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

class RegistryImpl final : public Registry {
 public:
  RegistryImpl(std::unique_ptr<const checkpoint::Checkpoint> checkpoint,
               std::unique_ptr<const tokenizer::Tokenizer> tokenizer)
      : checkpoint_(std::move(checkpoint)), tokenizer_(std::move(tokenizer)) {
    for (const Recipe& recipe : kRecipes) {
      Entry& entry = entries_[recipe.name];
      entry.status.name = recipe.name;
      entry.status.reason = kNotRequested;
    }
  }

  absl::Status Load(std::string_view name) override {
    const Recipe* recipe = FindRecipe(name);
    if (recipe == nullptr) return UnknownName(name);
    Change(name, [](Entry& entry) {
      entry.status.state = ProfileState::kLoading;
      entry.status.reason = "loading";
    });
    const auto start = std::chrono::steady_clock::now();
    Loaded profile = recipe->load(*checkpoint_);
    absl::Status status = profile.status();
    if (status.ok()) status = WarmUp(**profile, checkpoint_->config());
    const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    Change(name, [&](Entry& entry) {
      entry.status.load_seconds = seconds;
      if (!status.ok()) {
        entry.status.state = ProfileState::kFailed;
        entry.status.reason = std::string(status.message());
        return;
      }
      entry.profile = *std::move(profile);
      entry.status.state = ProfileState::kReady;
      entry.status.reason.clear();
      entry.status.revision = checkpoint_->revision();
      entry.status.description = entry.profile->description();
    });
    return status;
  }

  absl::StatusOr<LoadedProfile> Get(std::string_view name) const override {
    const std::lock_guard lock(mutex_);
    const auto found = entries_.find(name);
    if (found == entries_.end()) return UnknownName(name);
    const Entry& entry = found->second;
    if (entry.status.state != ProfileState::kReady) {
      return absl::FailedPreconditionError(
          absl::StrCat("profile \"", entry.status.name, "\" is not ready: ", entry.status.reason));
    }
    return LoadedProfile{entry.status.name, entry.status.revision, entry.profile};
  }

  std::vector<ProfileStatus> List() const override {
    const std::lock_guard lock(mutex_);
    std::vector<ProfileStatus> list;
    for (const Recipe& recipe : kRecipes) list.push_back(entries_.at(recipe.name).status);
    return list;
  }

  const checkpoint::Checkpoint& checkpoint() const override { return *checkpoint_; }
  const tokenizer::Tokenizer& tokenizer() const override { return *tokenizer_; }

 private:
  struct Entry {
    ProfileStatus status;
    std::shared_ptr<const encoder::Profile> profile;  // set exactly when READY
  };

  void Change(std::string_view name, const std::function<void(Entry&)>& change) {
    const std::lock_guard lock(mutex_);
    change(entries_.find(name)->second);
  }

  const std::unique_ptr<const checkpoint::Checkpoint> checkpoint_;
  const std::unique_ptr<const tokenizer::Tokenizer> tokenizer_;
  mutable std::mutex mutex_;
  std::map<std::string, Entry, std::less<>> entries_;  // guarded by mutex_; its keys never change
};

}  // namespace

const std::vector<std::string>& Registry::KnownNames() {
  static const std::vector<std::string>* const names = [] {
    auto* list = new std::vector<std::string>;
    for (const Recipe& recipe : kRecipes) list->push_back(recipe.name);
    return list;
  }();
  return *names;
}

absl::StatusOr<std::unique_ptr<Registry>> Registry::Open(const std::string& directory) {
  absl::StatusOr<std::unique_ptr<const checkpoint::Checkpoint>> checkpoint = checkpoint::Checkpoint::Open(directory);
  if (!checkpoint.ok()) return checkpoint.status();
  absl::StatusOr<std::unique_ptr<const tokenizer::Tokenizer>> tokenizer = tokenizer::Tokenizer::Load(directory);
  if (!tokenizer.ok()) return tokenizer.status();
  absl::Status status = CheckTokenizer(**tokenizer, (*checkpoint)->config());
  if (!status.ok()) return absl::Status(status.code(), absl::StrCat(directory, ": ", status.message()));
  return std::make_unique<RegistryImpl>(*std::move(checkpoint), *std::move(tokenizer));
}

}  // namespace roberta::registry
