#include "profiles/tool/flags.h"

#include <algorithm>
#include <cstdio>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "profiles/cores/cores.h"
#include "profiles/quality/agreement.h"
#include "profiles/registry/recipes.h"
#include "profiles/rows/rows.h"
#include "profiles/terminal/progress.h"

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

std::string ExampleFormatsHelp() {
  return absl::StrCat(rows::kFormatsHelp, "A label is a name or an index out of the model's config.json.\n");
}

void AddExampleFlags(CLI::App* command, const std::string& what, ExampleFlags* flags) {
  command->add_option("--data", flags->file, what)->required()->type_name("FILE");
  command->add_option("--format", flags->format, "tsv, jsonl or csv, whatever the file's name says")
      ->check(CLI::IsMember({"tsv", "jsonl", "csv"}).description(""))
      ->type_name("FORMAT");
  command->add_flag("--skip-bad-rows", flags->skip_bad_rows, "Go on without rows that are wrong, and list them");
}

absl::StatusOr<quality::Data> ReadExamples(const ExampleFlags& flags, const checkpoint::ModelConfig& config,
                                           bool with_labels) {
  const bool read_labels = with_labels && quality::AgreementOf(config) == quality::Agreement::kSameLabel;
  auto data = quality::ReadData(
      flags.file, config,
      {.format = rows::FormatNamed(flags.format), .skip_bad_rows = flags.skip_bad_rows, .read_labels = read_labels});
  if (!data.ok() || data->bad_rows == 0) return data;
  for (const std::string& problem : data->problems) std::fprintf(stderr, "skipped: %s\n", problem.c_str());
  if (data->bad_rows > data->problems.size()) {
    std::fprintf(stderr, "skipped: %s rows in all\n", terminal::WithSeparators(data->bad_rows).c_str());
  }
  return data;
}

std::vector<std::string> ProfileFlags::Names() const {
  std::vector<std::string> chosen;
  for (const std::string& name : names) {
    for (const std::string& one : name == kAll ? RecipeNames() : std::vector<std::string>{name}) {
      if (std::find(chosen.begin(), chosen.end(), one) == chosen.end()) chosen.push_back(one);
    }
  }
  return chosen;
}

std::vector<std::string> ProfileFlags::WithoutMissingModules(std::vector<std::string> candidates) const {
  const auto is_missing = [&](const std::string& name) {
    const registry::Recipe* recipe = registry::FindRecipe(registry::BuiltInRecipes(), name);
    if (!recipe->load_module || std::find(names.begin(), names.end(), name) != names.end()) return false;
    const absl::Status status = recipe->load_module();
    if (status.ok()) return false;
    std::fprintf(stderr, "note: %s is left out: %s\n", name.c_str(), std::string(status.message()).c_str());
    return true;
  };
  std::erase_if(candidates, is_missing);
  return candidates;
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
