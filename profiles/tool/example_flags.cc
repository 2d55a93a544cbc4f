#include "profiles/tool/example_flags.h"

#include <cstdio>

#include "absl/strings/str_cat.h"
#include "profiles/rows/rows.h"
#include "profiles/terminal/progress.h"

namespace roberta::tool {

std::string ExampleFormatsHelp() {
  return absl::StrCat(rows::kFormatsHelp, "A label is a name or an index out of the model's config.json.\n");
}

void AddExampleFlags(CLI::App* command, const std::string& what, ExampleFlags* flags) {
  command->add_option("--data", flags->file, what)->required()->type_name("FILE");
  command->add_option("--format", flags->format, "tsv, jsonl or csv, whatever the file's name says")
      ->check(CLI::IsMember({"tsv", "jsonl", "csv"}).description(""))
      ->type_name("FORMAT");
  command->add_flag("--skip-bad-rows", flags->skip_bad_rows, "Go on without rows that are wrong, and tell which");
}

absl::StatusOr<quality::Data> ReadExamples(const ExampleFlags& flags, const checkpoint::ModelConfig& config,
                                           bool read_labels) {
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

}  // namespace roberta::tool
