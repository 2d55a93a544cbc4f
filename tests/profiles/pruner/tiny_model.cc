#include "tests/profiles/pruner/tiny_model.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <numeric>
#include <random>

#include "profiles/checkpoint/tensor.h"
#include "profiles/machine/cores.h"

namespace roberta::tiny_model {
namespace {

constexpr size_t kVocabulary = 50;

/// A number for each element: about 1 where a LayerNorm multiplies, small in biases, and in weights such that a
/// product is about as large as its inputs.
std::vector<float> Values(const checkpoint_fixture::Tensor& tensor, std::mt19937_64* random) {
  const bool is_weight = tensor.shape.size() == 2;
  const bool is_norm = tensor.name.ends_with("LayerNorm.weight");
  const bool is_embedding = tensor.name.find("_embeddings.") != std::string::npos;
  const double size = !is_weight ? 0.2 : is_embedding ? 1 : 1.5 / std::sqrt(static_cast<double>(tensor.shape[1]));
  std::normal_distribution<double> normal(is_norm ? 1 : 0, size);
  std::vector<float> values(
      static_cast<size_t>(std::accumulate(tensor.shape.begin(), tensor.shape.end(), int64_t{1}, std::multiplies<>())));
  for (float& value : values) value = static_cast<float>(normal(*random));
  return values;
}

}  // namespace

nlohmann::json Config(size_t labels) {
  nlohmann::json config = checkpoint_fixture::TinyConfig();
  config["vocab_size"] = kVocabulary;
  config["hidden_size"] = kHidden;
  config["num_hidden_layers"] = kLayers;
  config["num_attention_heads"] = kHeads;
  config["intermediate_size"] = kNeurons;
  config["max_position_embeddings"] = kMostTokens + 2;
  config["id2label"] = nlohmann::json::object();
  for (size_t i = 0; i < labels; ++i) config["id2label"][std::to_string(i)] = "label " + std::to_string(i);
  return config;
}

TinyModel::TinyModel(const nlohmann::json& config, checkpoint::Dtype dtype, const Change& change) {
  std::mt19937_64 random(7);
  std::vector<checkpoint_fixture::Tensor> tensors = checkpoint_fixture::MakeTensors(config);
  for (checkpoint_fixture::Tensor& tensor : tensors) {
    std::vector<float> values = Values(tensor, &random);
    if (change) change(tensor.name, &values);
    std::memcpy(tensor.bytes.data(), values.data(), tensor.bytes.size());
    const std::vector<std::byte> stored = checkpoint::ConvertValues(checkpoint_fixture::ViewOf(tensor), dtype).value();
    tensor.bytes.assign(reinterpret_cast<const char*>(stored.data()), stored.size());
    tensor.dtype = dtype;
  }
  checkpoint_fixture::WriteCheckpoint(scratch.path(), config, tensors);
  checkpoint = checkpoint::Checkpoint::Open(scratch.path()).value();
  weights = reference::LoadWeights(*checkpoint);
}

quality::TokenizedSample RandomTexts(size_t count, uint64_t seed) {
  std::mt19937_64 random(seed);
  quality::TokenizedSample sample;
  for (size_t i = 0; i < count; ++i) {
    const size_t length = 3 + random() % (kMostTokens - 2);
    sample.lengths.push_back(length);
    sample.token_ids.push_back(0);  // <s>
    for (size_t t = 2; t < length; ++t) sample.token_ids.push_back(static_cast<int32_t>(3 + random() % 47));
    sample.token_ids.push_back(2);  // </s>
  }
  return sample;
}

std::vector<pruner::TextBatch> Batches(const quality::TokenizedSample& sample, size_t first, size_t count,
                                       size_t at_once) {
  std::vector<pruner::TextBatch> batches;
  for (size_t begin = first; begin < first + count; begin += at_once) {
    std::vector<size_t> texts(std::min(at_once, first + count - begin));
    std::iota(texts.begin(), texts.end(), begin);
    for (pruner::TextBatch& batch : pruner::FormTextBatches(sample, texts, 1)) batches.push_back(std::move(batch));
  }
  return batches;
}

checkpoint::PruningMask AllKept() {
  checkpoint::LayerMask layer = {std::vector<int32_t>(kHeads), std::vector<int32_t>(kNeurons)};
  std::iota(layer.heads.begin(), layer.heads.end(), 0);
  std::iota(layer.neurons.begin(), layer.neurons.end(), 0);
  return checkpoint::PruningMask(kLayers, layer);
}

quality::RunAll OnThreads(size_t threads) {
  return
      [threads](size_t count, const std::function<void(size_t)>& task) { machine::RunOnThreads(threads, count, task); };
}

}  // namespace roberta::tiny_model
