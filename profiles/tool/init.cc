#include "profiles/tool/command.h"

#include <random>

#include "absl/strings/match.h"
#include "profiles/checkpoint/save.h"
#include "profiles/checkpoint/tensor_table.h"
#include "profiles/errors/errors.h"
#include "profiles/tokenizer/tokenizer.h"

namespace roberta::tool {
namespace {

using checkpoint::TensorSpec;

constexpr float kDeviation = 0.02f;  // initializer_range of Hugging Face's RobertaConfig

struct InitOptions {
  std::string out;
  std::string vocabulary;
  int64_t layers = 12, hidden = 768, heads = 12, intermediate = 3072;
  int64_t vocab_size = 50265, max_tokens = 512, labels = 2;
  uint32_t seed = 0;
};

Json ConfigJson(const InitOptions& options) {
  Json id2label, label2id;
  for (int64_t i = 0; i < options.labels; ++i) {
    id2label[absl::StrCat(i)] = absl::StrCat("LABEL_", i);
    label2id[absl::StrCat("LABEL_", i)] = i;
  }
  const checkpoint::ModelFamily& family = checkpoint::kModelFamilies[0];
  return {{"architectures", {family.architecture}},
          {"model_type", family.model_type},
          {"vocab_size", options.vocab_size},
          {"hidden_size", options.hidden},
          {"num_hidden_layers", options.layers},
          {"num_attention_heads", options.heads},
          {"intermediate_size", options.intermediate},
          {"hidden_act", "gelu"},
          {"max_position_embeddings", options.max_tokens + 2},
          {"type_vocab_size", 1},
          {"layer_norm_eps", 1e-5},
          {"pad_token_id", 1},
          {"bos_token_id", 0},
          {"eos_token_id", 2},
          {"id2label", id2label},
          {"label2id", label2id},
          {"torch_dtype", "float32"}};
}

/// As Hugging Face initializes: LayerNorm's weights 1, biases 0, the rest normally distributed.
std::vector<float> Values(const TensorSpec& spec, int64_t elements, std::mt19937* random) {
  std::vector<float> values(static_cast<size_t>(elements), 0.0f);
  if (absl::EndsWith(spec.name, "LayerNorm.weight")) {
    values.assign(values.size(), 1.0f);
  } else if (absl::EndsWith(spec.name, ".weight")) {
    std::normal_distribution<float> normal(0, kDeviation);
    for (float& value : values) value = normal(*random);
  }
  return values;
}

absl::Status Write(const InitOptions& options, const checkpoint::ModelConfig& config, const std::string& config_text) {
  std::mt19937 random(options.seed);
  std::vector<std::vector<float>> values;
  std::vector<checkpoint::TensorView> tensors;
  for (TensorSpec& spec : checkpoint::ExpectedTensors(config)) {
    checkpoint::TensorView view = {.name = spec.name, .dtype = checkpoint::Dtype::kF32, .shape = spec.shape};
    values.push_back(Values(spec, view.elements(), &random));
    view.data =
        absl::MakeSpan(reinterpret_cast<const std::byte*>(values.back().data()), values.back().size() * sizeof(float));
    tensors.push_back(std::move(view));
  }
  return checkpoint::WriteNewCheckpoint(
      options.out, {.config = config_text, .vocabulary_directory = options.vocabulary, .tensors = tensors});
}

/// The vocabulary is read and the config checked before anything is written.
absl::StatusOr<Report> Init(const InitOptions& given) {
  InitOptions options = given;
  if (!options.vocabulary.empty()) {
    ASSIGN_OR_RETURN(const auto tokenizer, tokenizer::Tokenizer::Load(options.vocabulary));
    options.vocab_size = static_cast<int64_t>(tokenizer->vocabulary_size());
  }
  const std::string config_text = absl::StrCat(ConfigJson(options).dump(2), "\n");
  ASSIGN_OR_RETURN(const auto config, checkpoint::ParseModelConfig(config_text, "config.json"));
  RETURN_IF_ERROR(Write(options, config, config_text));
  return Report{};
}

void DeclareInitOptions(CLI::App* command, InitOptions* options) {
  command->add_option("--out", options->out, "Directory, new or empty")->required()->type_name("DIR");
  command
      ->add_option("--vocabulary", options->vocabulary,
                   "Checkpoint directory whose vocabulary is copied, and gives the vocabulary's size")
      ->type_name("DIR");
  const auto size = [&](const char* name, int64_t* value, const char* help) {
    AddNumber(command, name, help, int64_t{1}, int64_t{1} << 24, value);
  };
  size("--layers", &options->layers, "Encoder layers");
  size("--hidden", &options->hidden, "Hidden size");
  size("--heads", &options->heads, "Attention heads");
  size("--intermediate", &options->intermediate, "Neurons of the feed-forward layers");
  size("--vocab-size", &options->vocab_size, "Tokens in the vocabulary");
  size("--max-tokens", &options->max_tokens, "Longest input");
  size("--labels", &options->labels, "Labels");
  command->add_option("--seed", options->seed, "Seed of the weights (0)")->type_name("N");
  command->footer(
      R"(The default shape is roberta-base's. The same seed gives the same weights.

Examples:
  roberta-model init --out /tmp/base
  roberta-model init --out /tmp/small --layers 6 --hidden 384 --heads 12 --intermediate 1536 --vocabulary models/demo-sst2)");
}

}  // namespace

void AddInit(CLI::App* app, int* exit_code) {
  AddCommand(app, exit_code, "init", "Makes a checkpoint with random weights, to measure speed and memory",
             DeclareInitOptions, Init);
}

}  // namespace roberta::tool
