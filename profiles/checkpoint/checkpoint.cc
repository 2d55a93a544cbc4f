#include "profiles/checkpoint/checkpoint.h"

#include <sys/stat.h>

#include <algorithm>
#include <bit>
#include <cstdio>
#include <cstdlib>
#include <optional>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "profiles/checkpoint/safetensors.h"
#include "profiles/json/strict_json.h"

namespace roberta::checkpoint {
namespace {

using Json = nlohmann::json;

constexpr size_t kLongestIndexBytes = 64u << 20;
constexpr char kSingleFile[] = "model.safetensors";
constexpr char kIndexFile[] = "model.safetensors.index.json";
constexpr char kPickleFile[] = "pytorch_model.bin";

bool Exists(const std::string& path) {
  struct stat status {};
  return lstat(path.c_str(), &status) == 0;
}

bool IsShardWithinDirectory(const std::string& name) {
  return name.ends_with(".safetensors") && name.front() != '/' && name.find('\0') == std::string::npos &&
         absl::StrCat("/", name).find("/../") == std::string::npos;
}

/// Maps and parses one file. Where that fails, reports a problem and marks the weights incomplete.
bool MapInto(const std::string& path, WeightFiles* weights, std::vector<Problem>* problems) {
  auto file = MappedFile::Open(path);
  auto parsed = file.ok() ? ParseSafetensors((*file)->bytes()) : file.status();
  if (!parsed.ok()) {
    problems->push_back({path, std::string(parsed.status().message()), parsed.status().code()});
    weights->complete = false;
    return false;
  }
  for (TensorView& view : parsed->tensors) weights->tensors.push_back({std::move(view), weights->files.size()});
  weights->files.push_back(*std::move(file));
  return true;
}

/// Names of the shards. What the index says of tensors does not count: they are in the shard that holds them.
std::optional<std::set<std::string>> ReadIndex(const std::string& path, std::vector<Problem>* problems) {
  const auto json = ReadObject(ReadTextFile(path, kLongestIndexBytes), path, problems);
  if (!json) return std::nullopt;
  JsonFields fields(*json, path, problems);
  const Json* weight_map = fields.Find("weight_map");
  if (weight_map == nullptr || !weight_map->is_object()) {
    fields.ReportValue("weight_map", weight_map == nullptr ? Json() : *weight_map,
                       "it must be an object from tensor names to file names");
    return std::nullopt;
  }
  std::set<std::string> shards;
  for (const auto& [tensor, shard] : weight_map->items()) {
    if (shard.is_string() && IsShardWithinDirectory(shard.get_ref<const std::string&>())) {
      shards.insert(shard.get<std::string>());
    } else {
      fields.ReportValue(absl::StrCat("weight_map.", tensor), shard,
                         "it must be the path of a .safetensors file within the directory");
    }
  }
  return shards;
}

Problem NoWeights(const std::string& directory) {
  if (!Exists(absl::StrCat(directory, "/", kPickleFile))) {
    return {directory, absl::StrCat("has neither ", kSingleFile, " nor ", kIndexFile), absl::StatusCode::kNotFound};
  }
  return {absl::StrCat(directory, "/", kPickleFile),
          absl::StrCat("is a pickle, which can run code when read, and is not read; convert it: python3 -c \"from "
                       "transformers import "
                       "RobertaForSequenceClassification as M; M.from_pretrained('",
                       directory, "').save_pretrained('", directory, "', safe_serialization=True)\""),
          absl::StatusCode::kInvalidArgument};
}

/// Maps `directory`/model.safetensors or, where that is absent, every shard that model.safetensors.index.json names.
/// Everything that is wrong is appended to `*problems`; what could be read is returned nonetheless.
WeightFiles MapWeightFiles(const std::string& directory, std::vector<Problem>* problems) {
  WeightFiles weights;
  weights.listing = absl::StrCat(directory, "/", kSingleFile);
  if (Exists(weights.listing)) {
    MapInto(weights.listing, &weights, problems);
    return weights;
  }
  weights.listing = absl::StrCat(directory, "/", kIndexFile);
  if (!Exists(weights.listing)) {
    problems->push_back(NoWeights(directory));
    weights.complete = false;
    return weights;
  }
  const auto shards = ReadIndex(weights.listing, problems);
  weights.complete = shards.has_value();
  if (!shards) return weights;
  for (const std::string& shard : *shards) MapInto(absl::StrCat(directory, "/", shard), &weights, problems);
  return weights;
}

/// The name under which transformers looks for a tensor that a file calls `name`: LayerNorm's parts had other names
/// once, and the prefix of all tensors but the head's may be missing, or be there where it should not.
std::string NameInModel(const std::string& name, const std::string& prefix,
                        const std::set<std::string_view>& expected) {
  const std::string renamed =
      absl::StrReplaceAll(name, {{"LayerNorm.gamma", "LayerNorm.weight"}, {"LayerNorm.beta", "LayerNorm.bias"}});
  if (renamed.starts_with(prefix) && expected.contains(std::string_view(renamed).substr(prefix.size()))) {
    return renamed.substr(prefix.size());
  }
  return expected.contains(prefix + renamed) ? prefix + renamed : renamed;
}

/// Holds the tensors of the files against the table of the config. What is left over, like the head of a language model
/// or the states of an optimizer, is as good as absent.
void CheckTensors(const ModelConfig& config, const PruningMask& mask, WeightFiles* weights,
                  std::vector<Problem>* problems) {
  const std::vector<TensorSpec> specs = ExpectedTensors(config, mask);
  std::set<std::string_view> expected;
  for (const TensorSpec& spec : specs) expected.insert(spec.name);
  std::map<std::string_view, const StoredTensor*> stored;
  for (StoredTensor& tensor : weights->tensors) {
    const std::string in_file = tensor.view.name;
    tensor.view.name = NameInModel(in_file, std::string(config.family->tensor_prefix), expected);
    if (stored.emplace(tensor.view.name, &tensor).second || !expected.contains(tensor.view.name)) continue;
    problems->push_back({weights->files[tensor.file]->path(),
                         absl::StrCat("tensor ", json::Quoted(in_file), " is another ", tensor.view.name)});
  }
  const size_t problems_before = problems->size();
  bool is_one_missing = false;
  for (const TensorSpec& spec : specs) {
    const auto found = stored.find(spec.name);
    const std::string tensor = absl::StrCat("tensor ", json::Quoted(spec.name));
    if (found == stored.end()) {
      is_one_missing = true;
      problems->push_back({weights->listing, absl::StrCat(tensor, " ", ShapeText(spec.shape), " is missing")});
      continue;
    }
    const TensorView& view = found->second->view;
    const std::string& file = weights->files[found->second->file]->path();
    stored.erase(found);
    if (view.shape != spec.shape) {
      problems->push_back({file, absl::StrCat(tensor, " has shape ", ShapeText(view.shape), "; config.json makes it ",
                                              ShapeText(spec.shape))});
    }
    if (!IsFloat(view.dtype)) {
      problems->push_back({file, absl::StrCat(tensor, " has dtype ", std::string(DtypeName(view.dtype)),
                                              "; it must be F32, F16, BF16 or F64")});
    }
  }
  if (is_one_missing && !stored.empty()) {
    problems->insert(
        problems->begin() + static_cast<std::ptrdiff_t>(problems_before),
        {weights->listing, absl::StrCat("holds ", stored.size(), " tensors that are not the model's, like ",
                                        json::Quoted(stored.begin()->first))});
  }
}

// Once read of config.json and part of a revision; nothing is computed from them.
constexpr int64_t kBosTokenId = 0, kEosTokenId = 2;

uint64_t HashInteger(int64_t value, uint64_t seed) {
  return ContentHash({reinterpret_cast<const std::byte*>(&value), sizeof value}, seed);
}

uint64_t HashConfig(const ModelConfig& config) {
  uint64_t hash = 0;
  for (const int64_t value : {config.vocab_size, config.hidden_size, config.num_hidden_layers,
                              config.num_attention_heads, config.intermediate_size, config.max_position_embeddings,
                              config.type_vocab_size, std::bit_cast<int64_t>(config.layer_norm_eps),
                              int64_t{config.pad_token_id}, kBosTokenId, kEosTokenId, config.num_labels()}) {
    hash = HashInteger(value, hash);
  }
  if (config.hidden_act != "gelu") hash = ContentHash(config.hidden_act, hash);
  hash = ContentHash(ProblemTypeName(config.problem_type), hash);
  for (const std::string& label : config.labels) hash = ContentHash(label, hash);
  return hash;
}

uint64_t HashTensor(const TensorView& tensor, uint64_t seed) {
  uint64_t hash = ContentHash(DtypeName(tensor.dtype), ContentHash(tensor.name, seed));
  for (const int64_t dimension : tensor.shape) hash = HashInteger(dimension, hash);
  return ContentHash(tensor.data, hash);
}

}  // namespace

absl::StatusOr<std::unique_ptr<const Checkpoint>> Checkpoint::Open(const std::string& directory) {
  std::vector<Problem> problems;
  auto checkpoint = Open(directory, &problems);
  if (checkpoint == nullptr) return ProblemsToStatus(problems);
  return checkpoint;
}

std::unique_ptr<const Checkpoint> Checkpoint::Open(const std::string& directory, std::vector<Problem>* problems) {
  const size_t problems_before = problems->size();
  auto config = ReadModelConfig(directory, problems);
  WeightFiles weights = MapWeightFiles(directory, problems);
  // Without every file the table would only repeat, as a hundred missing tensors, that a file could not be read.
  PruningMask mask;
  if (config) {
    auto read = ReadPruning(directory, *config);
    if (read.ok()) {
      mask = *std::move(read);
    } else {
      problems->push_back(
          {absl::StrCat(directory, "/", kPruningFile), std::string(read.status().message()), read.status().code()});
      config.reset();  // nor can the tensors be checked then
    }
  }
  if (config && weights.complete) CheckTensors(*config, mask, &weights, problems);
  if (problems->size() > problems_before) return nullptr;
  return std::unique_ptr<const Checkpoint>(
      new Checkpoint(directory, *std::move(config), std::move(mask), std::move(weights)));
}

Checkpoint::Checkpoint(std::string directory, ModelConfig config, PruningMask mask, WeightFiles weights)
    : directory_(std::move(directory)),
      config_(std::move(config)),
      mask_(std::move(mask)),
      weights_(std::move(weights)) {
  std::map<std::string_view, const TensorView*> stored;
  for (const StoredTensor& tensor : weights_.tensors) stored.emplace(tensor.view.name, &tensor.view);
  for (const TensorSpec& spec : ExpectedTensors(config_, mask_)) {
    index_.emplace(spec.name, tensors_.size());
    tensors_.push_back(*stored.at(spec.name));
    stored.erase(spec.name);
  }
  for (const auto& [name, view] : stored) unused_tensors_.push_back(*view);
}

const TensorView& Checkpoint::tensor(std::string_view name) const {
  const auto found = index_.find(name);
  if (found == index_.end()) {
    std::fprintf(stderr, "Checkpoint::tensor: %.*s is not a tensor of this model\n", static_cast<int>(name.size()),
                 name.data());
    std::abort();
  }
  return tensors_[found->second];
}

uint64_t Checkpoint::bytes_on_disk() const {
  uint64_t sum = 0;
  for (const auto& file : weights_.files) sum += file->bytes().size();
  return sum;
}

void Checkpoint::ReleasePages() const {
  for (const auto& file : weights_.files) file->ReleasePages();
}

const std::string& Checkpoint::revision() const {
  std::call_once(revision_computed_, [this] {
    uint64_t hash = HashConfig(config_);
    if (!mask_.empty()) hash = ContentHash(PruningJson(mask_), hash);
    for (const TensorView& tensor : tensors_) hash = HashTensor(tensor, hash);
    revision_ = absl::StrCat(absl::Hex(hash, absl::kZeroPad16));
  });
  return revision_;
}

}  // namespace roberta::checkpoint
