#include "profiles/tool/profile_flags.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "profiles/cores/usable_cores.h"
#include "profiles/registry/recipes.h"

namespace roberta::tool {
namespace {

constexpr char kAll[] = "all";
constexpr size_t kMostThreads = 1024;

std::vector<std::string> RecipeNames() {
  std::vector<std::string> names;
  for (const registry::Recipe& recipe : registry::BuiltInRecipes()) names.push_back(recipe.name);
  return names;
}

}  // namespace

std::vector<std::string> ProfileFlags::Names() const {
  std::vector<std::string> chosen;
  const auto choose = [&](const std::string& name) {
    if (std::find(chosen.begin(), chosen.end(), name) == chosen.end()) chosen.push_back(name);
  };
  for (const std::string& name : names) {
    if (name != kAll) {
      choose(name);
      continue;
    }
    for (const std::string& recipe : RecipeNames()) choose(recipe);
  }
  return chosen;
}

void AddProfileFlags(CLI::App* command, ProfileFlags* flags) {
  std::vector<std::string> names = RecipeNames();
  const std::string help = absl::StrCat("all, or of ", absl::StrJoin(names, ","), " those to run (all)");
  names.emplace_back(kAll);
  command->add_option("--profiles", flags->names, help)
      ->delimiter(',')
      ->allow_extra_args(false)
      ->check(CLI::IsMember(names).description(""))
      ->type_name("NAMES");
  flags->threads = cores::ReadCpuBudget().usable();
  command->add_option("--threads", flags->threads, absl::StrCat("Threads (every usable core: ", flags->threads, ")"))
      ->check(CLI::Range(size_t{1}, kMostThreads).description(""))
      ->type_name("N");
}

}  // namespace roberta::tool
