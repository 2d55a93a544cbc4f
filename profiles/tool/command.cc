#include "profiles/tool/command.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <system_error>

#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "profiles/checkpoint/files.h"
#include "profiles/checkpoint/save.h"
#include "profiles/machine/cores.h"
#include "profiles/quality/agreement.h"
#include "profiles/registry/recipes.h"
#include "profiles/rows/rows.h"
#include "profiles/terminal/terminal.h"

namespace roberta::tool {
namespace {

/// A device, a pipe, a directory: renaming a file over it would put it out of the way.
bool IsSpecial(const std::string& path) {
  std::error_code failure;
  return std::filesystem::exists(path, failure) && !std::filesystem::is_regular_file(path, failure);
}

absl::Status Failure(const std::string& path) {
  return absl::ErrnoToStatus(errno, absl::StrCat(path, ": cannot write"));
}

absl::Status WriteDirectly(const std::string& path, std::string_view text) {
  std::FILE* file = std::fopen(path.c_str(), "wb");
  if (file == nullptr) return Failure(path);
  const bool written = std::fwrite(text.data(), 1, text.size(), file) == text.size();
  absl::Status status = written ? absl::OkStatus() : Failure(path);
  if (std::fclose(file) != 0 && status.ok()) status = Failure(path);
  return status;
}

constexpr char kAll[] = "all";
constexpr size_t kMostThreads = 1024;

std::vector<std::string> RecipeNames() {
  std::vector<std::string> names;
  for (const registry::Recipe& recipe : registry::BuiltInRecipes()) names.push_back(recipe.name);
  return names;
}

}  // namespace

std::string JsonText(const Json& json) {
  return json.dump(2, ' ', false, Json::error_handler_t::replace);
}

std::string PercentText(double share) {
  return absl::StrFormat("%.2f %%", 100 * share);
}

std::string CountText(int64_t number) {
  return terminal::WithSeparators(static_cast<uint64_t>(number));
}

int Finish(const absl::StatusOr<Report>& report) {
  if (!report.ok()) {
    PrintError(report.status());
    return 1;
  }
  LineOutput output(stdout);
  bool all_well = report->all_well;
  if (!report->text.empty()) all_well = output.Write(report->text) && output.Flush() && all_well;
  output.ReportFailure();
  if (!report->failure.ok()) PrintError(report->failure);
  return all_well && report->failure.ok() ? 0 : 1;
}

void AddModelOption(CLI::App* command, std::string* directory, const char* description) {
  command->add_option("--model", *directory, description)->required()->type_name("DIR");
}

void AddJsonFlag(CLI::App* command, bool* json) {
  command->add_flag("--json", *json, "Report as JSON");
}

void PrintError(const absl::Status& status) {
  std::fprintf(stderr, "error: %s\n", std::string(status.message()).c_str());
}

bool LineOutput::Write(std::string_view line) {
  if (error_ != 0) return false;
  const bool written = std::fwrite(line.data(), 1, line.size(), stream_) == line.size();
  if (!written || (!line.ends_with('\n') && std::fputc('\n', stream_) == EOF)) error_ = errno;
  return error_ == 0;
}

bool LineOutput::Flush() {
  if (error_ == 0 && std::fflush(stream_) != 0) error_ = errno;
  return error_ == 0;
}

void LineOutput::ReportFailure() const {
  if (error_ == 0 || error_ == EPIPE) return;
  std::fprintf(stderr, "error: cannot write to standard output: %s\n", std::strerror(error_));
}

absl::Status CheckOutputFile(const std::string& path) {
  if (!IsSpecial(path)) return checkpoint::AtomicFile::Create(path).status();
  std::error_code failure;
  const bool is_directory = std::filesystem::is_directory(path, failure);
  if (!is_directory && access(path.c_str(), W_OK) == 0) return absl::OkStatus();
  if (is_directory) errno = EISDIR;
  return Failure(path);
}

absl::Status WriteOutputFile(const std::string& path, std::string_view text) {
  if (IsSpecial(path)) return WriteDirectly(path, text);
  return checkpoint::WriteTextFile(path, text);
}

std::string ExampleFormatsHelp() {
  return absl::StrCat(rows::kFormatsHelp, "A label is a name or an index out of the model's config.json.\n");
}

void AddExampleFlags(CLI::App* command, const std::string& what, ExampleFlags* flags) {
  command->add_option("--data", flags->file, what)->required()->type_name("FILE");
  command->add_option("--format", flags->format, "What the file is, whatever its name says")
      ->check(CLI::IsMember({"tsv", "jsonl", "csv"}).description(""))
      ->type_name("tsv|jsonl|csv");
  command->add_flag("--skip-bad-rows", flags->skip_bad_rows, "Go on without rows that are wrong, and list them");
}

absl::StatusOr<quality::Data> ReadExamples(const ExampleFlags& flags, const checkpoint::ModelConfig& config,
                                           bool with_labels) {
  const bool one_label = quality::AgreementOf(config) != quality::Agreement::kClose || config.num_labels() == 1;
  auto data = quality::ReadData(flags.file, config,
                                {.format = rows::FormatNamed(flags.format),
                                 .skip_bad_rows = flags.skip_bad_rows,
                                 .read_labels = with_labels && one_label});
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
      if (std::ranges::find(chosen, one) == chosen.end()) chosen.push_back(one);
    }
  }
  return chosen;
}

std::vector<std::string> ProfileFlags::WithoutMissingModules(std::vector<std::string> candidates) const {
  const auto is_missing = [&](const std::string& name) {
    const registry::Recipe* recipe = registry::FindRecipe(registry::BuiltInRecipes(), name);
    if (!recipe->load_module || std::ranges::find(names, name) != names.end()) return false;
    const absl::Status status = recipe->load_module();
    if (status.ok()) return false;
    std::fprintf(stderr, "note: %s is left out: %s\n", name.c_str(), std::string(status.message()).c_str());
    return true;
  };
  std::erase_if(candidates, is_missing);
  return candidates;
}

void AddThreads(CLI::App* command, size_t* threads) {
  *threads = machine::ReadCpuBudget().usable();
  command->add_option("--threads", *threads, absl::StrCat("Threads (every usable core: ", *threads, ")"))
      ->check(CLI::Range(size_t{1}, kMostThreads).description(""))
      ->type_name("N");
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
  AddThreads(command, &flags->threads);
}

}  // namespace roberta::tool
