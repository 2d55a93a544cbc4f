#include "profiles/pruned/convert.h"

#include <algorithm>
#include <cstring>
#include <filesystem>
#include <string_view>
#include <system_error>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "profiles/checkpoint/atomic_file.h"
#include "profiles/checkpoint/mapped_file.h"
#include "profiles/checkpoint/tensor_table.h"
#include "profiles/checkpoint/writer.h"

namespace roberta::pruned {

namespace {

using checkpoint::PruningMask;
using checkpoint::TensorView;

/// Beside the weights: what a checkpoint needs, and what it may have.
constexpr const char* kOtherFiles[] = {
    "vocab.json",        "merges.txt", "tokenizer.json", "tokenizer_config.json", "special_tokens_map.json",
    "added_tokens.json", "sample.tsv"};

/// For each of a tensor's rows (or columns) that a mask keeps its place in the dense tensor; empty: all are kept.
struct Places {
  std::vector<size_t> rows, columns;
};

std::vector<size_t> PlacesOf(const std::vector<int32_t>& indices, size_t block) {
  std::vector<size_t> places;
  for (const int32_t index : indices) {
    for (size_t i = 0; i < block; ++i) places.push_back(static_cast<size_t>(index) * block + i);
  }
  return places;
}

/// A tensor of a layer: ".attention.self.query.weight" and so on.
Places PlacesIn(std::string_view tensor, const checkpoint::LayerMask& mask, size_t head_size) {
  const absl::string_view name(tensor.data(), tensor.size());
  if (absl::StrContains(name, ".attention.self.")) return {PlacesOf(mask.heads, head_size), {}};
  if (absl::EndsWith(name, ".attention.output.dense.weight")) return {{}, PlacesOf(mask.heads, head_size)};
  if (absl::StrContains(name, ".intermediate.dense.")) return {PlacesOf(mask.neurons, 1), {}};
  if (absl::EndsWith(name, ".output.dense.weight")) return {{}, PlacesOf(mask.neurons, 1)};
  return {};
}

constexpr std::string_view kLayerPrefix = "roberta.encoder.layer.";

/// True for a tensor of one of the encoder's layers, whose index goes to `*layer`.
bool IsOfLayer(std::string_view name, size_t* layer) {
  if (!name.starts_with(kLayerPrefix)) return false;
  *layer = std::stoul(std::string(name.substr(kLayerPrefix.size())));
  return true;
}

/// Copies between the dense tensor and its pruned form, by rows and columns of `element` bytes.
void Copy(const Places& places, const TensorView& pruned, const TensorView& dense, bool to_dense,
          std::vector<std::byte>* out) {
  const size_t element = checkpoint::DtypeBytes(pruned.dtype);
  const auto rows = static_cast<size_t>(pruned.shape[0]);
  const size_t columns = pruned.shape.size() > 1 ? static_cast<size_t>(pruned.shape[1]) : 1;
  const size_t dense_columns = dense.shape.size() > 1 ? static_cast<size_t>(dense.shape[1]) : 1;
  const std::byte* from = to_dense ? pruned.data.data() : dense.data.data();
  for (size_t r = 0; r < rows; ++r) {
    const size_t dense_row = places.rows.empty() ? r : places.rows[r];
    for (size_t c = 0; c < columns; ++c) {
      const size_t dense_column = places.columns.empty() ? c : places.columns[c];
      const size_t in_pruned = (r * columns + c) * element;
      const size_t in_dense = (dense_row * dense_columns + dense_column) * element;
      std::memcpy(out->data() + (to_dense ? in_dense : in_pruned), from + (to_dense ? in_pruned : in_dense), element);
    }
  }
}

/// All tensors of `from` in the other form, dense or pruned by `mask`, and where their bytes are.
std::vector<TensorView> Convert(const checkpoint::Checkpoint& from, const PruningMask& mask, bool to_dense,
                                std::vector<std::vector<std::byte>>* storage) {
  const checkpoint::ModelConfig& config = from.config();
  std::vector<TensorView> tensors;
  for (const checkpoint::TensorSpec& spec : checkpoint::ExpectedTensors(config, to_dense ? PruningMask() : mask)) {
    const TensorView& had = from.tensor(spec.name);
    TensorView made = had;
    size_t layer = 0;
    if (IsOfLayer(spec.name, &layer) && spec.shape != had.shape) {
      const Places places = PlacesIn(spec.name, mask[layer], static_cast<size_t>(config.head_size()));
      made.shape = spec.shape;
      storage->emplace_back(static_cast<size_t>(made.elements()) * checkpoint::DtypeBytes(made.dtype));
      Copy(places, to_dense ? had : made, to_dense ? made : had, to_dense, &storage->back());
      made.data = storage->back();
    }
    tensors.push_back(std::move(made));
  }
  return tensors;
}

absl::Status WriteFile(const std::string& path, std::string_view text) {
  auto file = checkpoint::AtomicFile::Create(path);
  if (!file.ok()) return file.status();
  absl::Status status = file->Append(absl::MakeConstSpan(reinterpret_cast<const std::byte*>(text.data()), text.size()));
  return status.ok() ? file->Commit() : status;
}

absl::Status CopyFile(const std::string& from, const std::string& to) {
  const auto file = checkpoint::MappedFile::Open(from);
  if (!file.ok()) return absl::Status(file.status().code(), absl::StrCat(from, ": ", file.status().message()));
  return WriteFile(to, (*file)->text());
}

absl::Status Save(const checkpoint::Checkpoint& from, const PruningMask& mask, bool to_dense,
                  const std::string& directory) {
  std::error_code failure;
  std::filesystem::create_directories(directory, failure);
  if (failure) return absl::UnavailableError(absl::StrCat(directory, ": ", failure.message()));
  if (std::filesystem::equivalent(directory, from.directory(), failure)) {
    return absl::InvalidArgumentError(absl::StrCat(directory, ": is the checkpoint itself"));
  }
  absl::Status status = CopyFile(from.directory() + "/config.json", directory + "/config.json");
  for (const char* name : kOtherFiles) {
    const std::string path = absl::StrCat(from.directory(), "/", name);
    if (status.ok() && std::filesystem::exists(path, failure)) {
      status = CopyFile(path, absl::StrCat(directory, "/", name));
    }
  }
  std::vector<std::vector<std::byte>> storage;
  storage.reserve(from.tensors().size());
  if (status.ok()) {
    status = checkpoint::WriteSafetensors(directory + "/model.safetensors", Convert(from, mask, to_dense, &storage),
                                          {{"format", "pt"}});
  }
  if (status.ok() && !to_dense) {
    status = WriteFile(absl::StrCat(directory, "/", checkpoint::kPruningFile), checkpoint::PruningJson(mask));
  }
  return status;
}

}  // namespace

absl::Status SavePruned(const checkpoint::Checkpoint& checkpoint, const PruningMask& mask,
                        const std::string& directory) {
  if (!checkpoint.mask().empty()) {
    return absl::InvalidArgumentError(absl::StrCat(checkpoint.directory(), ": is a pruned checkpoint already"));
  }
  const auto checked = checkpoint::ParsePruning(checkpoint::PruningJson(mask), checkpoint.config());
  if (!checked.ok()) return absl::Status(checked.status().code(), absl::StrCat("mask: ", checked.status().message()));
  return Save(checkpoint, mask, false, directory);
}

absl::Status SaveDense(const checkpoint::Checkpoint& checkpoint, const std::string& directory) {
  if (checkpoint.mask().empty()) {
    return absl::InvalidArgumentError(absl::StrCat(checkpoint.directory(), ": is no pruned checkpoint"));
  }
  return Save(checkpoint, checkpoint.mask(), true, directory);
}

}  // namespace roberta::pruned
