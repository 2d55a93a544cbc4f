#include "server/config/profile_entries.h"

#include <algorithm>
#include <set>

#include "absl/strings/ascii.h"
#include "profiles/errors/errors.h"
#include "server/config/checks.h"

namespace roberta::config {
namespace {

constexpr size_t kLongestName = 64;
constexpr char kNameIsReserved[] = "auto";

bool IsNameCharacter(char c) {
  return absl::ascii_isalnum(static_cast<unsigned char>(c)) || c == '_' || c == '.' || c == '-';
}

absl::Status CheckName(const std::string& field, const std::string& name) {
  const bool good = !name.empty() && name.size() <= kLongestName && name != kNameIsReserved &&
                    std::all_of(name.begin(), name.end(), IsNameCharacter);
  if (good) return absl::OkStatus();
  return WrongValue(field, Shown(name), absl::StrCat("1 to ", kLongestName, " of A-Z a-z 0-9 _ . - and not auto"));
}

absl::Status CheckGate(const std::string& field, const Gate& gate) {
  if (gate.has_min_agreement()) RETURN_IF_ERROR(CheckNumber(field + ".min_agreement", gate.min_agreement(), 0, 1));
  if (gate.has_max_mean_abs_dp()) {
    RETURN_IF_ERROR(
        CheckNumber(field + ".max_mean_abs_dp", gate.max_mean_abs_dp(), 0, 1e6));  // regression has no scale
  }
  if (!gate.has_max_accuracy_drop_points()) return absl::OkStatus();
  return CheckNumber(field + ".max_accuracy_drop_points", gate.max_accuracy_drop_points(), 0, 100);
}

absl::Status CheckDataLoading(const std::string& field, const DataLoading& loading) {
  RETURN_IF_ERROR(CheckOneOf(field + ".strategy", loading.strategy(), {"padded", "bucketed", "packed"}));
  if (!loading.has_max_batch_tokens()) return absl::OkStatus();
  return CheckRange(field + ".max_batch_tokens", loading.max_batch_tokens(), 1, kMostBatchTokens);
}

/// The recipe of that name, or nullptr.
const KnownRecipe* Find(const std::vector<KnownRecipe>& recipes, const std::string& name) {
  const auto found =
      std::find_if(recipes.begin(), recipes.end(), [&](const KnownRecipe& known) { return known.name == name; });
  return found == recipes.end() ? nullptr : &*found;
}

absl::Status CheckEntry(const std::string& field, const Profile& profile, const std::vector<KnownRecipe>& recipes) {
  RETURN_IF_ERROR(CheckName(field + ".name", profile.name()));
  std::vector<std::string> names;
  for (const KnownRecipe& recipe : recipes) names.push_back(recipe.name);
  // Where the recipe comes from the name, the name is what has to be put right.
  const bool by_name = profile.recipe() == profile.name();
  RETURN_IF_ERROR(CheckOneOf(absl::StrCat(field, by_name ? ".name, which has no recipe of its own," : ".recipe"),
                             profile.recipe(), names));
  RETURN_IF_ERROR(CheckUtf8(field + ".directory", profile.directory()));
  RETURN_IF_ERROR(CheckGate(field + ".gate", profile.gate()));
  RETURN_IF_ERROR(CheckUtf8(field + ".calibration_file", profile.calibration_file()));
  RETURN_IF_ERROR(CheckDataLoading(field + ".data_loading", profile.data_loading()));
  const KnownRecipe* recipe = Find(recipes, profile.recipe());
  if (!profile.calibration_file().empty() && !recipe->smooths) {
    return WrongValue(field + ".calibration_file", Shown(profile.calibration_file()),
                      absl::StrCat("absent: recipe ", profile.recipe(), " is not smoothed"));
  }
  if (!profile.has_keep_macs()) return absl::OkStatus();
  if (!recipe->prunes) {
    return WrongValue(field + ".keep_macs", absl::StrCat(profile.keep_macs()),
                      absl::StrCat("absent: recipe ", profile.recipe(), " does not prune"));
  }
  return CheckNumber(field + ".keep_macs", profile.keep_macs(), 0.01, 1);
}

void KeepOnly(const std::vector<std::string>& only, ServerConfig* config) {
  std::set<std::string> missing(only.begin(), only.end());
  for (Profile& profile : *config->mutable_profiles()) {
    profile.set_load(missing.erase(profile.name()) > 0);
  }
  for (const std::string& name : only) {  // in the order given
    if (missing.erase(name) > 0) config->add_profiles()->set_name(name);
  }
}

}  // namespace

void CompleteProfiles(const std::vector<std::string>& only, const std::optional<std::string>& default_profile,
                      const std::vector<KnownRecipe>& recipes, ServerConfig* config) {
  if (config->profiles().empty()) {
    for (const KnownRecipe& recipe : recipes) {
      Profile* profile = config->add_profiles();
      profile->set_name(recipe.name);
      if (!recipe.is_loaded_by_default) profile->set_load(false);
    }
  }
  if (!only.empty()) KeepOnly(only, config);
  if (default_profile) {
    config->set_default_profile(*default_profile);
  } else if (!only.empty() && std::find(only.begin(), only.end(), config->default_profile()) == only.end()) {
    config->set_default_profile(only.front());
  }
  for (Profile& profile : *config->mutable_profiles()) {
    if (profile.recipe().empty()) profile.set_recipe(profile.name());
    if (!profile.has_load()) profile.set_load(true);
    if (profile.data_loading().strategy().empty()) {
      const KnownRecipe* recipe = Find(recipes, profile.recipe());
      const bool pads = recipe != nullptr && recipe->always_pads;
      profile.mutable_data_loading()->set_strategy(pads ? "padded" : "packed");
    }
    if (!profile.data_loading().has_prefetch()) profile.mutable_data_loading()->set_prefetch(false);
    if (config->default_profile().empty() && profile.load()) config->set_default_profile(profile.name());
  }
}

absl::Status CheckProfiles(const ServerConfig& config, const std::vector<KnownRecipe>& recipes) {
  std::set<std::string> seen;
  std::vector<std::string> loaded;
  for (int i = 0; i < config.profiles_size(); ++i) {
    const std::string field = absl::StrCat("profiles[", i, "]");
    const Profile& profile = config.profiles(i);
    RETURN_IF_ERROR(CheckEntry(field, profile, recipes));
    if (!seen.insert(profile.name()).second) {
      return WrongValue(field + ".name", absl::StrCat(Shown(profile.name()), " again"), "named once");
    }
    if (profile.load()) loaded.push_back(profile.name());
  }
  return CheckOneOf("default_profile", config.default_profile(), loaded);
}

}  // namespace roberta::config
