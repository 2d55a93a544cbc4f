#include "profiles/checkpoint/config.h"

#include <algorithm>
#include <iterator>
#include <map>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_join.h"
#include "profiles/checkpoint/files.h"
#include "profiles/errors/errors.h"
#include "profiles/json/strict_json.h"

namespace roberta::checkpoint {
namespace {

using Json = nlohmann::json;

// Far beyond any RoBERTa, and small enough that no product of two of them leaves int64.
constexpr int64_t kMostVocabulary = 1 << 24;
constexpr int64_t kMostWidth = 1 << 20;
constexpr int64_t kMostLayers = 1 << 10;
constexpr int64_t kMostPositions = 1 << 24;
constexpr int64_t kMostLabels = 1 << 16;
constexpr double kLargestEpsilon = 1e6;
constexpr size_t kLongestConfigBytes = 16u << 20;

constexpr std::pair<ProblemType, std::string_view> kProblemTypes[] = {
    {ProblemType::kRegression, "regression"},
    {ProblemType::kSingleLabel, "single_label_classification"},
    {ProblemType::kMultiLabel, "multi_label_classification"}};

constexpr std::string_view kHiddenActs[] = {
    "gelu",  "gelu_new", "gelu_10",    "quick_gelu", "silu", "mish",    "hardswish",    "relu",
    "relu2", "relu6",    "leaky_relu", "sigmoid",    "tanh", "laplace", "sqrtsoftplus", "linear"};

/// Further names that transformers has for some of them. "prelu" and "xielu", which it has too, have weights.
constexpr std::pair<std::string_view, std::string_view> kOtherHiddenActs[] = {
    {"gelu_python", "gelu"},           {"gelu_fast", "gelu_new"},        {"gelu_accurate", "gelu_new"},
    {"gelu_pytorch_tanh", "gelu_new"}, {"gelu_python_tanh", "gelu_new"}, {"swish", "silu"}};

const ModelFamily* ReadFamily(JsonFields* fields) {
  std::vector<std::string> supported;
  for (const ModelFamily& family : kModelFamilies) supported.emplace_back(family.model_type);
  if (fields->Find("model_type") == nullptr) {
    fields->Report("model_type", absl::StrCat("is missing; supported: ", absl::StrJoin(supported, ", ")));
  }
  const std::string model_type = fields->OneOf("model_type", supported);
  const auto found = std::find_if(std::begin(kModelFamilies), std::end(kModelFamilies),
                                  [&](const ModelFamily& family) { return family.model_type == model_type; });
  return found == std::end(kModelFamilies) ? &kModelFamilies[0] : found;
}

/// `architectures` is no reason: what the weights are for is seen from their names.
void CheckComputation(JsonFields* fields) {
  fields->OneOf("position_embedding_type", {"absolute"});
  fields->OneOf("transformers_weights", {"model.safetensors", "model.safetensors.index.json"});
  for (const char* field : {"is_decoder", "add_cross_attention"}) fields->MustBeFalse(field);
  const Json* quantization = fields->Find("quantization_config");
  if (quantization != nullptr) fields->ReportValue("quantization_config", *quantization, "supported: none");
  const Json* layers = fields->Find("per_layer_config");
  if (layers != nullptr && std::any_of(layers->begin(), layers->end(), [](const Json& one) { return !one.empty(); })) {
    fields->ReportValue("per_layer_config", *layers, "supported: none");
  }
}

std::string_view ReadHiddenAct(JsonFields* fields) {
  std::vector<std::string> names(std::begin(kHiddenActs), std::end(kHiddenActs));
  for (const auto& [name, same] : kOtherHiddenActs) names.emplace_back(name);
  const std::string chosen = fields->OneOf("hidden_act", names);
  for (const auto& [name, same] : kOtherHiddenActs) {
    if (name == chosen) return same;
  }
  const auto found = std::find(std::begin(kHiddenActs), std::end(kHiddenActs), chosen);
  return found == std::end(kHiddenActs) ? kHiddenActs[0] : *found;
}

void ReadSizes(JsonFields* fields, ModelConfig* config) {
  config->vocab_size = fields->Integer("vocab_size", 1, kMostVocabulary, 50265);
  config->hidden_size = fields->Integer("hidden_size", 1, kMostWidth, 768);
  config->num_hidden_layers = fields->Integer("num_hidden_layers", 1, kMostLayers, 12);
  config->num_attention_heads = fields->Integer("num_attention_heads", 1, kMostWidth, 12);
  config->intermediate_size = fields->Integer("intermediate_size", 1, kMostWidth, 3072);
  config->max_position_embeddings = fields->Integer("max_position_embeddings", 1, kMostPositions, 512);
  config->type_vocab_size = fields->Integer("type_vocab_size", 1, kMostWidth, 2);
  config->layer_norm_eps = fields->Number("layer_norm_eps", 0, kLargestEpsilon, 1e-12);
  config->pad_token_id = static_cast<int32_t>(fields->Integer("pad_token_id", -1, config->vocab_size - 1, 1));
}

void CheckSizesAgree(JsonFields* fields, const ModelConfig& config) {
  if (config.hidden_size % config.num_attention_heads != 0) {
    fields->Report("hidden_size", absl::StrCat("is ", config.hidden_size, ", which num_attention_heads ",
                                               config.num_attention_heads, " does not divide"));
  }
  if (config.max_tokens() < 1) {
    fields->Report("max_position_embeddings",
                   absl::StrCat("is ", config.max_position_embeddings,
                                ", which leaves no position for a token after pad_token_id ", config.pad_token_id));
  }
}

std::vector<std::string> NumberedLabels(int64_t count) {
  std::vector<std::string> labels;
  for (int64_t i = 0; i < count; ++i) labels.push_back(absl::StrCat("LABEL_", i));
  return labels;
}

/// The labels of an id2label object, or of as much of it as is sound. What is not a string is as JSON writes it.
std::vector<std::string> NamedLabels(const Json& id2label, JsonFields* fields) {
  std::map<int64_t, std::string> by_index;
  for (const auto& [key, label] : id2label.items()) {
    int64_t index = 0;
    if (!absl::SimpleAtoi(key, &index) || index < 0 || index >= static_cast<int64_t>(id2label.size()) ||
        !by_index.emplace(index, label.is_string() ? label.get<std::string>() : label.dump()).second) {
      fields->ReportValue("id2label", id2label,
                          absl::StrCat("its ", id2label.size(), " keys must be 0 to ", id2label.size() - 1,
                                       ", each once, but there is ", json::Quoted(key)));
      break;
    }
  }
  std::vector<std::string> labels;
  for (auto& [index, label] : by_index) labels.push_back(std::move(label));
  return labels;
}

std::vector<std::string> ReadLabels(JsonFields* fields) {
  const Json *id2label = fields->Find("id2label"), *num_labels = fields->Find("num_labels");
  // Where both are there and disagree, transformers 5 goes by num_labels, and has no names; 4 went by id2label.
  if (id2label == nullptr || (num_labels != nullptr && *num_labels != Json(id2label->size()))) {
    return NumberedLabels(fields->Integer("num_labels", 1, kMostLabels, 2));
  }
  if (!id2label->is_object() || id2label->empty() || id2label->size() > static_cast<size_t>(kMostLabels)) {
    fields->ReportValue("id2label", *id2label, absl::StrCat("it must be an object of 1 to ", kMostLabels, " labels"));
    return {};
  }
  return NamedLabels(*id2label, fields);
}

/// What transformers does not know it passes over, too.
ProblemType ReadProblemType(const JsonFields& fields) {
  const Json* value = fields.Find("problem_type");
  for (const auto& [type, name] : kProblemTypes) {
    if (value != nullptr && *value == Json(name)) return type;
  }
  return ProblemType::kUnspecified;
}

std::optional<ModelConfig> Parse(const absl::StatusOr<std::string>& text, const std::string& file,
                                 std::vector<Problem>* problems) {
  const auto json = ReadObject(text, file, problems);
  if (!json) return std::nullopt;
  const size_t problems_before = problems->size();
  JsonFields fields(*json, file, problems);
  ModelConfig config;
  config.family = ReadFamily(&fields);
  CheckComputation(&fields);
  config.hidden_act = ReadHiddenAct(&fields);
  ReadSizes(&fields, &config);
  if (problems->size() == problems_before)
    CheckSizesAgree(&fields, config);  // of sound sizes only: no errors from errors
  config.problem_type = ReadProblemType(fields);
  config.labels = ReadLabels(&fields);
  if (problems->size() > problems_before) return std::nullopt;
  return config;
}

absl::StatusOr<ModelConfig> ConfigOrProblems(std::optional<ModelConfig> config, const std::vector<Problem>& problems) {
  if (!config) return ProblemsToStatus(problems);
  return *std::move(config);
}

}  // namespace

absl::StatusOr<ModelConfig> ParseModelConfig(std::string_view json, std::string_view file) {
  std::vector<Problem> problems;
  auto config = Parse(std::string(json), std::string(file), &problems);
  return ConfigOrProblems(std::move(config), problems);
}

absl::StatusOr<ModelConfig> ReadModelConfig(const std::string& directory) {
  std::vector<Problem> problems;
  auto config = ReadModelConfig(directory, &problems);
  return ConfigOrProblems(std::move(config), problems);
}

std::optional<ModelConfig> ReadModelConfig(const std::string& directory, std::vector<Problem>* problems) {
  const std::string path = directory + "/config.json";
  return Parse(ReadTextFile(path, kLongestConfigBytes), path, problems);
}

absl::StatusOr<std::string> ReadConfigText(const std::string& directory) {
  const std::string path = directory + "/config.json";
  auto text = ReadTextFile(path, kLongestConfigBytes);
  if (!text.ok()) return errors::In(path, text.status());
  return text;
}

absl::Span<const std::string_view> HiddenActs() {
  return kHiddenActs;
}

std::string_view ProblemTypeName(ProblemType problem_type) {
  for (const auto& [type, name] : kProblemTypes) {
    if (type == problem_type) return name;
  }
  return "";
}

}  // namespace roberta::checkpoint
