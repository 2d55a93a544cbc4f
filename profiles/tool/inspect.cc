#include "profiles/tool/command.h"

#include <algorithm>
#include <map>
#include <utility>

#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "profiles/checkpoint/pruning.h"
#include "profiles/json/strict_json.h"
#include "profiles/registry/recipes.h"
#include "profiles/terminal/terminal.h"
#include "profiles/tool/findings.h"

namespace roberta::tool {
namespace {

using checkpoint::Checkpoint;
using checkpoint::LayerMask;
using checkpoint::ModelConfig;
using checkpoint::Problem;
using checkpoint::PruningMask;
using checkpoint::PruningRecord;

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

/// Share of one layer's multiply-accumulates.
double KeptOfLayer(const LayerMask& layer, ModelConfig config) {
  config.num_hidden_layers = 1;
  return checkpoint::KeptMacs({layer}, config);
}

template <typename T>
void Set(const char* field, const std::optional<T>& value, Json* object) {
  if (value) (*object)[field] = *value;
}

Json PruningJson(const Examined& examined) {
  const PruningMask& mask = examined.checkpoint->mask();
  if (mask.empty()) return nullptr;
  const ModelConfig& config = examined.checkpoint->config();
  Json layers = Json::array();
  for (const LayerMask& layer : mask) {
    layers.push_back(
        {{"heads", layer.heads.size()}, {"neurons", layer.neurons.size()}, {"kept_macs", KeptOfLayer(layer, config)}});
  }
  Json pruning = {{"kept_macs", checkpoint::KeptMacs(mask, config)},
                  {"macs", {{"before", CountMacs(config, {}).linear}, {"after", CountMacs(config, mask).linear}}},
                  {"parameters", {{"before", CountParameters(config, {})}, {"after", CountParameters(config, mask)}}},
                  {"layers", std::move(layers)}};
  const PruningRecord& record = examined.pruning;
  Json data = Json::object(), accuracy = Json::object();
  Set("method", record.method, &pruning);
  Set("seed", record.seed, &pruning);
  Set("file", record.data_file, &data);
  Set("hash", record.data_hash, &data);
  Set("texts", record.data_texts, &data);
  Set("before", record.accuracy_before, &accuracy);
  Set("after", record.accuracy_after, &accuracy);
  Set("examples", record.accuracy_examples, &accuracy);
  if (!data.empty()) pruning["data"] = std::move(data);
  if (!accuracy.empty()) pruning["accuracy"] = std::move(accuracy);
  return pruning;
}

Json CalibrationJson(const Examined& examined) {
  if (!examined.calibration) return nullptr;
  return {{"alpha", examined.calibration->smoothing.alpha},
          {"texts", examined.calibration->texts},
          {"texts_hash", examined.calibration->texts_hash}};
}

void AddFacts(const Findings& findings, Json* report) {
  const Checkpoint& checkpoint = *findings.model.checkpoint;
  const ModelConfig& config = checkpoint.config();
  const Macs macs = CountMacs(config, checkpoint.mask());
  report->update({{"model_type", config.family->model_type},
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
                  {"tokenizer_notes", findings.tokenizer_notes},
                  {"parameters", CountParameters(config, checkpoint.mask())},
                  {"macs_per_token", macs.linear},
                  {"attention_macs_per_token_and_length", macs.attention},
                  {"dtypes", CountDtypes(checkpoint)},
                  {"unused_tensors", Json::array()},
                  {"bytes_on_disk", checkpoint.bytes_on_disk()},
                  {"revision", checkpoint.revision()},
                  {"sample", findings.sample},
                  {"profiles", Json::array()},
                  {"pruning", PruningJson(findings.model)},
                  {"calibration", CalibrationJson(findings.model)},
                  {"variants", Json::array()}});
  for (const auto& tensor : checkpoint.unused_tensors()) (*report)["unused_tensors"].push_back(tensor.name);
  for (const ProfileWeight& weight : findings.weights) {
    (*report)["profiles"].push_back({{"name", weight.profile}, {"weight_bytes", weight.bytes}});
  }
  if (!findings.variant) return;
  (*report)["variants"].push_back({{"directory", findings.variant->checkpoint->directory()},
                                   {"revision", findings.variant->checkpoint->revision()},
                                   {"bytes_on_disk", findings.variant->checkpoint->bytes_on_disk()},
                                   {"pruning", PruningJson(*findings.variant)},
                                   {"calibration", CalibrationJson(*findings.variant)}});
}

using FactRows = std::vector<std::pair<std::string, std::string>>;

/// What pruning.json says of how it was made, in a line; empty if it says nothing.
std::string MethodText(const PruningRecord& record) {
  std::vector<std::string> parts;
  if (record.method) parts.push_back(json::Quoted(*record.method));
  if (record.seed) parts.push_back(absl::StrCat("seed ", *record.seed));
  if (record.data_file) parts.push_back("on " + json::Quoted(*record.data_file));
  if (record.data_texts) parts.push_back(absl::StrCat(*record.data_texts, " texts"));
  if (record.data_hash) parts.push_back("hash " + json::Quoted(*record.data_hash));
  return absl::StrJoin(parts, ", ");
}

std::string AccuracyText(const PruningRecord& record) {
  std::vector<std::string> parts;
  if (record.accuracy_before) parts.push_back(PercentText(*record.accuracy_before) + " before");
  if (record.accuracy_after) parts.push_back(PercentText(*record.accuracy_after) + " after");
  if (record.accuracy_examples) parts.push_back(absl::StrCat("on ", *record.accuracy_examples, " examples"));
  return absl::StrJoin(parts, ", ");
}

void AddPruningRows(const Examined& examined, FactRows* rows) {
  const PruningMask& mask = examined.checkpoint->mask();
  if (mask.empty()) return;
  const ModelConfig& config = examined.checkpoint->config();
  const std::string method = MethodText(examined.pruning), accuracy = AccuracyText(examined.pruning);
  rows->emplace_back("Pruned to", absl::StrCat(PercentText(checkpoint::KeptMacs(mask, config)), " of ",
                                               CountText(CountMacs(config, {}).linear), " MACs, ",
                                               CountText(CountParameters(config, mask)), " of ",
                                               CountText(CountParameters(config, {})), " parameters"));
  for (size_t i = 0; i < mask.size(); ++i) {
    rows->emplace_back("", absl::StrFormat("layer %d  %d of %d heads, %d of %d neurons, %s of MACs", i,
                                           mask[i].heads.size(), config.num_attention_heads, mask[i].neurons.size(),
                                           config.intermediate_size, PercentText(KeptOfLayer(mask[i], config))));
  }
  if (!method.empty()) rows->emplace_back("Pruned by", method);
  if (!accuracy.empty()) rows->emplace_back("Accuracy", accuracy);
}

void AddCompanionRows(const Examined& examined, FactRows* rows) {
  AddPruningRows(examined, rows);
  rows->emplace_back(
      "Calibration",
      !examined.calibration
          ? "none"
          : absl::StrFormat("alpha %.2f, measured on %d texts of hash %s", examined.calibration->smoothing.alpha,
                            examined.calibration->texts, examined.calibration->texts_hash));
}

/// Whether a profile chooses at load between float32 and the smaller bfloat16.
bool HasChoice(const std::string& profile) {
  const registry::Recipe* recipe = registry::FindRecipe(registry::BuiltInRecipes(), profile);
  return recipe->packed && recipe->packed->products.size() > 1;
}

FactRows FactsOf(const Findings& findings) {
  const Checkpoint& checkpoint = *findings.model.checkpoint;
  const ModelConfig& config = checkpoint.config();
  const Macs macs = CountMacs(config, checkpoint.mask());
  std::vector<std::string> dtypes, unused;
  for (const auto& [dtype, count] : CountDtypes(checkpoint))
    dtypes.push_back(absl::StrCat(dtype, " in ", count, " tensors"));
  for (const auto& tensor : checkpoint.unused_tensors()) {
    unused.push_back(absl::StrCat(json::Escaped(tensor.name), " ", std::string(checkpoint::DtypeName(tensor.dtype)),
                                  " ", checkpoint::ShapeText(tensor.shape)));
  }
  FactRows rows = {{"Model type", std::string(config.family->model_type)}, {"Problem type", ProblemTypeText(config)}};
  for (size_t i = 0; i < config.labels.size(); ++i) {
    rows.emplace_back(i == 0 ? "Labels" : "", absl::StrCat(i, "  ", json::Escaped(config.labels[i])));
  }
  const FactRows others = {
      {"Layers", absl::StrCat(config.num_hidden_layers)},
      {"Hidden size", absl::StrCat(config.hidden_size)},
      {"Attention heads", absl::StrCat(config.num_attention_heads, " of size ", config.head_size())},
      {"Intermediate size", absl::StrCat(config.intermediate_size)},
      {"Vocabulary", absl::StrCat(config.vocab_size, " embeddings, ", findings.vocabulary_tokens, " tokens")},
      {"Maximum tokens", absl::StrCat(config.max_tokens())},
      {"Token types", absl::StrCat(config.type_vocab_size)},
      {"LayerNorm epsilon", absl::StrCat(config.layer_norm_eps)},
      {"Parameters", CountText(CountParameters(config, checkpoint.mask()))},
      {"MACs per token", absl::StrCat(CountText(macs.linear), " in linear layers, ", CountText(macs.attention),
                                      " in attention for each token of the text")},
      {"Data types", absl::StrJoin(dtypes, ", ")},
      {"Unused tensors", unused.empty() ? "none" : absl::StrJoin(unused, ", ")},
      {"Weights on disk", terminal::WithSeparators(checkpoint.bytes_on_disk()) + " bytes"},
      {"Revision", checkpoint.revision()},
      {"Sample", findings.sample.empty() ? "none" : json::Escaped(findings.sample)}};
  rows.insert(rows.end(), others.begin(), others.end());
  for (const std::string& note : findings.tokenizer_notes) rows.emplace_back("Tokenizer", note);
  for (const ProfileWeight& weight : findings.weights) {
    rows.emplace_back(&weight == &findings.weights.front() ? "Weights in memory" : "",
                      absl::StrFormat("%-10s  %s bytes%s", weight.profile, CountText(weight.bytes),
                                      HasChoice(weight.profile) ? ", where bf16 is faster" : ""));
  }
  AddCompanionRows(findings.model, &rows);
  if (findings.variant) {
    rows.emplace_back("Variant", absl::StrCat(findings.variant->checkpoint->directory(), ", revision ",
                                              findings.variant->checkpoint->revision()));
    AddCompanionRows(*findings.variant, &rows);
  }
  return rows;
}

std::string InspectJson(const Findings& findings) {
  Json report = {{"directory", findings.directory}, {"sound", findings.problems.empty()}, {"problems", Json::array()}};
  for (const Problem& problem : findings.problems) {
    report["problems"].push_back({{"file", problem.file}, {"problem", problem.text}});
  }
  if (findings.model.checkpoint != nullptr) AddFacts(findings, &report);
  return JsonText(report);
}

std::string InspectText(const Findings& findings) {
  std::string report = findings.directory + ": ";
  if (findings.problems.empty()) {
    report += "sound";
  } else {
    const size_t count = findings.problems.size();
    absl::StrAppend(&report, count, count == 1 ? " problem" : " problems");
  }
  for (const Problem& problem : findings.problems) absl::StrAppend(&report, "\n  ", checkpoint::ProblemLine(problem));
  if (findings.model.checkpoint == nullptr) return report;
  const FactRows rows = FactsOf(findings);
  size_t width = 0;
  for (const auto& [name, value] : rows) width = std::max(width, name.size());
  for (const auto& [name, value] : rows) {
    absl::StrAppend(&report, "\n  ", name, std::string(width - name.size() + 2, ' '), value);
  }
  return report;
}

struct InspectOptions {
  std::string directory;
  bool json = false;
};

absl::StatusOr<Report> Inspect(const InspectOptions& options) {
  const Findings findings = Examine(options.directory);
  return Report{.text = options.json ? InspectJson(findings) : InspectText(findings),
                .all_well = findings.problems.empty()};
}

void DeclareInspectOptions(CLI::App* command, InspectOptions* options) {
  command->add_option("DIR", options->directory, "Checkpoint directory as Hugging Face saves it")->required();
  AddJsonFlag(command, &options->json);
  command->footer(
      R"(Reads config.json, the weights (every name and shape is checked) and the vocabulary; and, where they are there,
pruning.json, calibration.safetensors and the pruned variant DIR/pruned. Exit code 1 if anything is wrong with them;
all of it is listed.

MACs are multiply-accumulates of the encoder as if each layer were computed for every token. Weights in memory are
computed from shapes, without what this host's kernels pad; of a dense model that has no pruned variant, pruned and
integrated are weighed as they cut it at load.

Examples:
  roberta-model inspect models/demo-sst2
  roberta-model inspect --json models/demo-sst2)");
}

}  // namespace

void AddInspect(CLI::App* app, int* exit_code) {
  AddCommand(app, exit_code, "inspect", "Shows what a checkpoint is, or all that is wrong with it",
             DeclareInspectOptions, Inspect);
}

}  // namespace roberta::tool
