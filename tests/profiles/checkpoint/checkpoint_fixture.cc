#include "tests/profiles/checkpoint/checkpoint_fixture.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <random>

#include "profiles/checkpoint/config.h"
#include "profiles/checkpoint/save.h"
#include "profiles/checkpoint/tensor_table.h"

namespace roberta::checkpoint_fixture {
namespace {

void Require(bool condition, const std::string& what) {
  if (condition) return;
  std::fprintf(stderr, "fixture: %s\n", what.c_str());
  std::abort();
}

}  // namespace

ScratchDirectory::ScratchDirectory() {
  path_ = (std::filesystem::temp_directory_path() / "roberta-test-XXXXXX").string();
  Require(mkdtemp(path_.data()) != nullptr, "cannot make a directory like " + path_);
}

ScratchDirectory::~ScratchDirectory() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

std::vector<std::string> ScratchDirectory::Names() const {
  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(path_))
    names.push_back(entry.path().filename().string());
  std::sort(names.begin(), names.end());
  return names;
}

void WriteFile(const std::string& path, std::string_view bytes) {
  std::ofstream file(path, std::ios::binary);
  file.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  file.close();
  Require(file.good(), "cannot write " + path);
}

std::string ReadFile(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  Require(file.good(), "cannot read " + path);
  return std::string(std::istreambuf_iterator<char>(file), {});
}

nlohmann::json TinyConfig() {
  return {{"model_type", "roberta"},
          {"architectures", {"RobertaForSequenceClassification"}},
          {"vocab_size", 11},
          {"hidden_size", 4},
          {"num_hidden_layers", 1},
          {"num_attention_heads", 2},
          {"intermediate_size", 6},
          {"max_position_embeddings", 8},
          {"type_vocab_size", 1},
          {"layer_norm_eps", 1e-5},
          {"id2label", {{"0", "no"}, {"1", "yes"}}}};
}

checkpoint::TensorView ViewOf(const Tensor& tensor) {
  return {tensor.name, tensor.dtype, tensor.shape, AsBytes(tensor.bytes)};
}

std::vector<checkpoint::TensorView> ViewsOf(const std::vector<Tensor>& tensors) {
  std::vector<checkpoint::TensorView> views;
  for (const Tensor& tensor : tensors) views.push_back(ViewOf(tensor));
  return views;
}

Tensor MakeTensor(const std::string& name, const std::vector<int64_t>& shape, checkpoint::Dtype dtype, uint64_t seed) {
  const auto size_bytes = checkpoint::ShapeBytes(dtype, shape);
  Require(size_bytes.has_value(), name + " has no size");
  std::string bytes(*size_bytes, '\0');
  std::mt19937_64 random(seed);
  for (char& byte : bytes) byte = static_cast<char>(random() & 0x3F);  // small numbers in every dtype
  return {name, dtype, shape, std::move(bytes)};
}

std::vector<Tensor> MakeTensors(const nlohmann::json& config, checkpoint::Dtype dtype) {
  const auto parsed = checkpoint::ParseModelConfig(config.dump(), "config.json");
  Require(parsed.ok(), std::string(parsed.status().message()));
  std::vector<Tensor> tensors;
  for (const auto& spec : checkpoint::ExpectedTensors(*parsed)) {
    tensors.push_back(MakeTensor(spec.name, spec.shape, dtype, tensors.size()));
  }
  return tensors;
}

Tensor& Find(std::vector<Tensor>& tensors, std::string_view name) {
  const auto found = std::find_if(tensors.begin(), tensors.end(), [&](const Tensor& t) { return t.name == name; });
  Require(found != tensors.end(), "no tensor " + std::string(name));
  return *found;
}

void Remove(std::vector<Tensor>* tensors, std::string_view name) {
  const Tensor& tensor = Find(*tensors, name);
  tensors->erase(tensors->begin() + (&tensor - tensors->data()));
}

void WriteCheckpoint(const std::string& directory, const nlohmann::json& config, const std::vector<Tensor>& tensors) {
  WriteFile(directory + "/config.json", config.dump(2));
  WriteTensors(directory + "/model.safetensors", tensors);
}

void WriteTensors(const std::string& path, const std::vector<Tensor>& tensors) {
  const absl::Status status = checkpoint::WriteSafetensors(path, ViewsOf(tensors), {{"format", "pt"}});
  Require(status.ok(), std::string(status.message()));
}

std::string SafetensorsBytes(std::string_view header, size_t data_bytes) {
  const uint64_t header_bytes = header.size();
  std::string bytes(sizeof header_bytes, '\0');
  std::memcpy(bytes.data(), &header_bytes, sizeof header_bytes);
  bytes += header;
  bytes.append(data_bytes, '\0');
  return bytes;
}

absl::Span<const std::byte> AsBytes(std::string_view text) {
  return {reinterpret_cast<const std::byte*>(text.data()), text.size()};
}

}  // namespace roberta::checkpoint_fixture
