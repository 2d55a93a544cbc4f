#include "profiles/pruned/convert.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "profiles/checkpoint/save.h"
#include "profiles/checkpoint/tensor_table.h"
#include "profiles/errors/errors.h"

namespace roberta::pruned {
namespace {

using checkpoint::PruningMask;
using checkpoint::TensorView;

/// For each of a tensor's rows (or columns) that a mask keeps its place in the dense tensor; empty: all are kept.
struct Places {
  std::vector<size_t> rows, columns;
};

Places PlacesIn(const checkpoint::TensorSpec& tensor, const checkpoint::LayerMask& mask, size_t head_size) {
  switch (tensor.pruned_part) {
    case checkpoint::PrunedPart::kHeadRows:
      return {checkpoint::BlocksOf(mask.heads, head_size), {}};
    case checkpoint::PrunedPart::kHeadColumns:
      return {{}, checkpoint::BlocksOf(mask.heads, head_size)};
    case checkpoint::PrunedPart::kNeuronRows:
      return {checkpoint::BlocksOf(mask.neurons, 1), {}};
    case checkpoint::PrunedPart::kNeuronColumns:
      return {{}, checkpoint::BlocksOf(mask.neurons, 1)};
    case checkpoint::PrunedPart::kNothing:
      break;
  }
  return {};
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

/// All tensors of `from` in the other form, dense or pruned by `mask`.
ConvertedTensors Convert(const checkpoint::Checkpoint& from, const PruningMask& mask, bool to_dense) {
  const checkpoint::ModelConfig& config = from.config();
  ConvertedTensors converted;
  for (const checkpoint::TensorSpec& spec : checkpoint::ExpectedTensors(config, to_dense ? PruningMask() : mask)) {
    const TensorView& had = from.tensor(spec.name);
    TensorView made = had;
    if (spec.layer && spec.shape != had.shape) {
      const Places places = PlacesIn(spec, mask[*spec.layer], static_cast<size_t>(config.head_size()));
      made.shape = spec.shape;
      std::vector<std::byte> bytes(static_cast<size_t>(made.elements()) * checkpoint::DtypeBytes(made.dtype));
      Copy(places, to_dense ? had : made, to_dense ? made : had, to_dense, &bytes);
      converted.storage.push_back(std::move(bytes));
      made.data = converted.storage.back();
    }
    converted.tensors.push_back(std::move(made));
  }
  return converted;
}

}  // namespace

absl::StatusOr<ConvertedTensors> PrunedTensors(const checkpoint::Checkpoint& checkpoint, const PruningMask& mask,
                                               absl::Span<const NewTensor> replaced) {
  if (!checkpoint.mask().empty()) {
    return errors::InvalidArgument(checkpoint.directory(), ": is a pruned checkpoint already");
  }
  const auto checked = checkpoint::ParsePruning(checkpoint::PruningJson(mask), checkpoint.config());
  if (!checked.ok()) return errors::In("mask", checked.status());
  ConvertedTensors converted = Convert(checkpoint, mask, false);
  for (const NewTensor& tensor : replaced) {
    const auto found = std::find_if(converted.tensors.begin(), converted.tensors.end(),
                                    [&](const TensorView& view) { return view.name == tensor.name; });
    if (found == converted.tensors.end() || found->shape != tensor.shape) {
      return errors::InvalidArgument("tensor \"", tensor.name, "\" of shape ", checkpoint::ShapeText(tensor.shape),
                                     " has no place");
    }
    const absl::Span<const float> values = tensor.values;
    const TensorView floats = {
        .name = tensor.name,
        .shape = tensor.shape,
        .data = {reinterpret_cast<const std::byte*>(values.data()), values.size() * sizeof(float)}};
    ASSIGN_OR_RETURN(auto bytes, checkpoint::ConvertValues(floats, found->dtype));
    converted.storage.push_back(std::move(bytes));
    found->data = converted.storage.back();
  }
  return converted;
}

ConvertedTensors DenseTensors(const checkpoint::Checkpoint& checkpoint) {
  return Convert(checkpoint, checkpoint.mask(), true);
}

absl::Status SaveConverted(const std::string& directory, const checkpoint::Checkpoint& from, const std::string& config,
                           const std::string& pruning, const ConvertedTensors& converted) {
  return checkpoint::WriteNewCheckpoint(directory, {.config = config,
                                                    .pruning = pruning,
                                                    .vocabulary_directory = from.directory(),
                                                    .copies_sample = true,
                                                    .tensors = converted.tensors});
}

}  // namespace roberta::pruned
