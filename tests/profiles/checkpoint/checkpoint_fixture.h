#pragma once

#include <cstddef>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "profiles/checkpoint/tensor.h"

namespace roberta::checkpoint_fixture {

/// A new directory that goes with this object, and all that is in it.
class ScratchDirectory {
 public:
  ScratchDirectory();
  ~ScratchDirectory();
  ScratchDirectory(const ScratchDirectory&) = delete;
  ScratchDirectory& operator=(const ScratchDirectory&) = delete;

  const std::string& path() const { return path_; }
  std::string In(const std::string& name) const { return path_ + "/" + name; }
  std::vector<std::string> Names() const;  ///< of the files in it, sorted

 private:
  std::string path_;
};

/// Both abort on failure.
void WriteFile(const std::string& path, std::string_view bytes);
std::string ReadFile(const std::string& path);

/// A sound config.json of the smallest model that has every part: one layer, hidden size 4, two heads, 11 tokens, two
/// labels.
nlohmann::json TinyConfig();

/// A tensor that owns its bytes.
struct Tensor {
  std::string name;
  checkpoint::Dtype dtype = checkpoint::Dtype::kF32;
  std::vector<int64_t> shape;
  std::string bytes;
};
checkpoint::TensorView ViewOf(const Tensor& tensor);
std::vector<checkpoint::TensorView> ViewsOf(const std::vector<Tensor>& tensors);

/// `dtype` tensor of that shape, its bytes a function of `seed`.
Tensor MakeTensor(const std::string& name, const std::vector<int64_t>& shape, checkpoint::Dtype dtype, uint64_t seed);
/// All the tensors that `config` asks for.
std::vector<Tensor> MakeTensors(const nlohmann::json& config, checkpoint::Dtype dtype = checkpoint::Dtype::kF32);
/// The one of that name, which must be there.
Tensor& Find(std::vector<Tensor>& tensors, std::string_view name);
void Remove(std::vector<Tensor>* tensors, std::string_view name);

/// Writes config.json and model.safetensors.
void WriteCheckpoint(const std::string& directory, const nlohmann::json& config, const std::vector<Tensor>& tensors);
/// Writes one safetensors file.
void WriteTensors(const std::string& path, const std::vector<Tensor>& tensors);

/// The bytes of a safetensors file: length prefix, `header` as it is, `data_bytes` zeros.
std::string SafetensorsBytes(std::string_view header, size_t data_bytes);
absl::Span<const std::byte> AsBytes(std::string_view text);

}  // namespace roberta::checkpoint_fixture
