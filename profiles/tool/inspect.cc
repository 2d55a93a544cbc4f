#include "profiles/tool/inspect.h"

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "profiles/checkpoint/checkpoint.h"
#include "profiles/json/quoted.h"
#include "profiles/tokenizer/tokenizer.h"
#include "profiles/tool/line_output.h"

namespace roberta::tool {
namespace {

using Json = nlohmann::ordered_json;
using checkpoint::Checkpoint;
using checkpoint::ModelConfig;
using checkpoint::Problem;

struct InspectOptions {
  std::string directory;
  bool json = false;
};

/// What is told of a checkpoint.
struct Findings {
  std::vector<Problem> problems;
  std::unique_ptr<const Checkpoint> checkpoint;  ///< nullptr if it cannot be opened
  size_t vocabulary_tokens = 0;                  ///< 0 if the vocabulary cannot be read
};

Findings Examine(const std::string& directory) {
  Findings findings;
  findings.checkpoint = Checkpoint::Open(directory, &findings.problems);
  const auto tokenizer = tokenizer::Tokenizer::Load(directory);
  if (!tokenizer.ok()) {
    findings.problems.push_back({directory, std::string(tokenizer.status().message()), tokenizer.status().code()});
    return findings;
  }
  findings.vocabulary_tokens = (*tokenizer)->vocabulary_size();
  if (findings.checkpoint == nullptr) return findings;
  const int64_t vocab_size = findings.checkpoint->config().vocab_size;
  if (findings.vocabulary_tokens > static_cast<uint64_t>(vocab_size)) {
    findings.problems.push_back({directory + "/config.json",
                                 absl::StrCat("field \"vocab_size\" is ", vocab_size,
                                              ", but the vocabulary has ids up to ", findings.vocabulary_tokens - 1)});
  }
  return findings;
}

int64_t CountParameters(const Checkpoint& checkpoint) {
  int64_t parameters = 0;
  for (const auto& tensor : checkpoint.tensors()) parameters += tensor.elements();
  return parameters;
}

/// dtype -> number of tensors.
std::map<std::string, int64_t> CountDtypes(const Checkpoint& checkpoint) {
  std::map<std::string, int64_t> dtypes;
  for (const auto& tensor : checkpoint.tensors()) ++dtypes[std::string(checkpoint::DtypeName(tensor.dtype))];
  return dtypes;
}

std::string ProblemTypeText(const ModelConfig& config) {
  const std::string name(checkpoint::ProblemTypeName(config.problem_type));
  return name.empty() ? "unspecified" : name;
}

void AddFacts(const Findings& findings, Json* report) {
  const ModelConfig& config = findings.checkpoint->config();
  report->update({{"model_type", "roberta"},
                  {"problem_type", ProblemTypeText(config)},
                  {"labels", config.labels},
                  {"vocab_size", config.vocab_size},
                  {"hidden_size", config.hidden_size},
                  {"num_hidden_layers", config.num_hidden_layers},
                  {"num_attention_heads", config.num_attention_heads},
                  {"intermediate_size", config.intermediate_size},
                  {"max_position_embeddings", config.max_position_embeddings},
                  {"type_vocab_size", config.type_vocab_size},
                  {"layer_norm_eps", config.layer_norm_eps},
                  {"max_tokens", config.max_tokens()},
                  {"vocabulary_tokens", findings.vocabulary_tokens},
                  {"parameters", CountParameters(*findings.checkpoint)},
                  {"dtypes", CountDtypes(*findings.checkpoint)},
                  {"unused_tensors", findings.checkpoint->unused_tensors()},
                  {"bytes_on_disk", findings.checkpoint->bytes_on_disk()},
                  {"revision", findings.checkpoint->revision()}});
}

std::string JsonReport(const InspectOptions& options, const Findings& findings) {
  Json report = {{"directory", options.directory}, {"sound", findings.problems.empty()}, {"problems", Json::array()}};
  for (const Problem& problem : findings.problems) {
    report["problems"].push_back({{"file", problem.file}, {"problem", problem.text}});
  }
  if (findings.checkpoint != nullptr) AddFacts(findings, &report);
  return report.dump(2, ' ', false, Json::error_handler_t::replace);
}

/// 15712898 -> "15,712,898".
std::string Grouped(uint64_t number) {
  std::string text = absl::StrCat(number);
  for (size_t at = text.size(); at > 3; at -= 3) text.insert(at - 3, 1, ',');
  return text;
}

using Rows = std::vector<std::pair<std::string, std::string>>;

Rows FactRows(const Findings& findings) {
  const Checkpoint& checkpoint = *findings.checkpoint;
  const ModelConfig& config = checkpoint.config();
  std::vector<std::string> dtypes;
  for (const auto& [dtype, count] : CountDtypes(checkpoint))
    dtypes.push_back(absl::StrCat(dtype, " in ", count, " tensors"));
  Rows rows = {{"Model type", "roberta"}, {"Problem type", ProblemTypeText(config)}};
  for (size_t i = 0; i < config.labels.size(); ++i) {
    rows.emplace_back(i == 0 ? "Labels" : "", absl::StrCat(i, "  ", json::Escaped(config.labels[i])));
  }
  const Rows others = {
      {"Layers", absl::StrCat(config.num_hidden_layers)},
      {"Hidden size", absl::StrCat(config.hidden_size)},
      {"Attention heads", absl::StrCat(config.num_attention_heads, " of size ", config.head_size())},
      {"Intermediate size", absl::StrCat(config.intermediate_size)},
      {"Vocabulary", absl::StrCat(config.vocab_size, " embeddings, ", findings.vocabulary_tokens, " tokens")},
      {"Maximum tokens", absl::StrCat(config.max_tokens())},
      {"Token types", absl::StrCat(config.type_vocab_size)},
      {"LayerNorm epsilon", absl::StrCat(config.layer_norm_eps)},
      {"Parameters", Grouped(static_cast<uint64_t>(CountParameters(checkpoint)))},
      {"Data types", absl::StrJoin(dtypes, ", ")},
      {"Unused tensors",
       checkpoint.unused_tensors().empty() ? "none" : absl::StrJoin(checkpoint.unused_tensors(), ", ")},
      {"Weights on disk", Grouped(checkpoint.bytes_on_disk()) + " bytes"},
      {"Revision", checkpoint.revision()}};
  rows.insert(rows.end(), others.begin(), others.end());
  return rows;
}

std::string TextReport(const InspectOptions& options, const Findings& findings) {
  std::string report = options.directory + ": ";
  if (findings.problems.empty()) {
    report += "sound";
  } else {
    const size_t count = findings.problems.size();
    absl::StrAppend(&report, count, count == 1 ? " problem" : " problems");
  }
  for (const Problem& problem : findings.problems) absl::StrAppend(&report, "\n  ", checkpoint::ProblemLine(problem));
  if (findings.checkpoint == nullptr) return report;
  const Rows rows = FactRows(findings);
  size_t width = 0;
  for (const auto& [name, value] : rows) width = std::max(width, name.size());
  for (const auto& [name, value] : rows) {
    absl::StrAppend(&report, "\n  ", name, std::string(width - name.size() + 2, ' '), value);
  }
  return report;
}

int Inspect(const InspectOptions& options) {
  const Findings findings = Examine(options.directory);
  LineOutput output(stdout);
  const bool written =
      output.Write(options.json ? JsonReport(options, findings) : TextReport(options, findings)) && output.Flush();
  output.ReportFailure();
  return written && findings.problems.empty() ? 0 : 1;
}

}  // namespace

void AddInspect(CLI::App* app, int* exit_code) {
  auto options = std::make_shared<InspectOptions>();
  CLI::App* command = app->add_subcommand("inspect", "Tells what a checkpoint is, or all that is wrong with it");
  command->add_option("DIR", options->directory, "Checkpoint directory as Hugging Face saves it")->required();
  command->add_flag("--json", options->json, "Report as JSON");
  command->footer(
      "Reads config.json, the weights (every name and shape is checked) and the vocabulary.\n"
      "Exit code 1 if anything is wrong with them; all of it is listed.\n\n"
      "Examples:\n"
      "  roberta-model inspect models/demo-sst2\n"
      "  roberta-model inspect --json models/demo-sst2");
  command->callback([options, exit_code] { *exit_code = Inspect(*options); });
}

}  // namespace roberta::tool
