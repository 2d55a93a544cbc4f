#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "profiles/checkpoint/problem.h"

namespace roberta::checkpoint {

/// `problem_type` of config.json: which function turns logits into scores. Anything else is as good as none.
enum class ProblemType { kUnspecified, kRegression, kSingleLabel, kMultiLabel };

/// How a family of models makes token ids of a text.
enum class TokenizerKind { kByteLevelBpe };

/// Models that compute alike; they differ in what their files call things, and in their tokenizer.
struct ModelFamily {
  std::string_view model_type;     ///< in config.json
  std::string_view architecture;   ///< in config.json: the model with a classification head
  std::string_view tensor_prefix;  ///< of the names of all tensors but the head's
  TokenizerKind tokenizer;
};

/// Every family that can be read. The first is the default.
inline constexpr ModelFamily kModelFamilies[] = {
    {"roberta", "RobertaForSequenceClassification", "roberta.", TokenizerKind::kByteLevelBpe},
};

/// The fields of a config.json that the computation depends on. Names are config.json's own.
struct ModelConfig {
  const ModelFamily* family = &kModelFamilies[0];  ///< by model_type
  int64_t vocab_size = 0;
  int64_t hidden_size = 0;
  int64_t num_hidden_layers = 0;
  int64_t num_attention_heads = 0;
  int64_t intermediate_size = 0;
  int64_t max_position_embeddings = 0;
  int64_t type_vocab_size = 0;
  double layer_norm_eps = 0;
  std::string_view hidden_act = "gelu";  ///< one of HiddenActs()
  int32_t pad_token_id = 1;  ///< only moves the positions; -1 is no token, and leaves position 0 to the first one
  ProblemType problem_type = ProblemType::kUnspecified;
  std::vector<std::string> labels;  ///< [labels], by index (id2label)

  int64_t head_size() const { return hidden_size / num_attention_heads; }
  int64_t num_labels() const { return static_cast<int64_t>(labels.size()); }
  /// Longest input, special tokens included: RoBERTa's first position is pad_token_id + 1.
  int64_t max_tokens() const { return max_position_embeddings - pad_token_id - 1; }
};

/// Parses and checks the text of a config.json. `file` is its name in errors. InvalidArgument names the file, the field
/// and the value of everything that is wrong. An absent or null field takes the default of Hugging Face's
/// RobertaConfig; only model_type must be there. Fields that nothing is computed from may hold anything. The text is
/// read as by json::ParsePythonJson.
absl::StatusOr<ModelConfig> ParseModelConfig(std::string_view json, std::string_view file);

/// The same for `directory`/config.json. Further errors: NotFound or what else the system says where it cannot be read.
absl::StatusOr<ModelConfig> ReadModelConfig(const std::string& directory);

/// The same, but appends everything that is wrong to `*problems`, a problem each, and then returns nullopt.
std::optional<ModelConfig> ReadModelConfig(const std::string& directory, std::vector<Problem>* problems);

/// The text of `directory`/config.json, unchecked: for writing it elsewhere. Errors name the file.
absl::StatusOr<std::string> ReadConfigText(const std::string& directory);

/// The activation functions that can be computed, by transformers' names: a function that has several has one here.
absl::Span<const std::string_view> HiddenActs();

/// As config.json spells it: "single_label_classification", ...; empty for kUnspecified.
std::string_view ProblemTypeName(ProblemType problem_type);

}  // namespace roberta::checkpoint
