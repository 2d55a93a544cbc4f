#include "profiles/pruned/pruned.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <numeric>
#include <random>
#include <utility>

#include "profiles/checkpoint/save.h"
#include "profiles/checkpoint/tensor_table.h"
#include "profiles/errors/errors.h"

namespace roberta::pruned {
namespace {

using checkpoint::Checkpoint;
using checkpoint::ModelConfig;
using checkpoint::PruningMask;
using checkpoint::TensorView;

/// Adds the squares of a matrix [outputs, inputs] to the group that owns each row (or column): `size` of them a group.
/// A value that is not a number has no order, and a group that is cut away would hide it.
absl::Status AddSquares(const Checkpoint& checkpoint, const std::string& name, bool by_row, size_t size,
                        std::vector<double>* groups) {
  const TensorView& tensor = checkpoint.tensor(name);
  const auto columns = static_cast<size_t>(tensor.shape[1]);
  std::vector<float> values(static_cast<size_t>(tensor.elements()));
  checkpoint::CopyToFloat32(tensor, absl::MakeSpan(values));
  for (size_t i = 0; i < values.size(); ++i) {
    if (!std::isfinite(values[i])) {
      return errors::InvalidArgument(checkpoint.directory(), ": tensor \"", name, "\" holds ", values[i],
                                     " at element ", i);
    }
    const size_t owner = (by_row ? i / columns : i % columns) / size;
    (*groups)[owner] += static_cast<double>(values[i]) * static_cast<double>(values[i]);
  }
  return absl::OkStatus();
}

/// The indices of the `count` largest, ascending; of equals the first.
std::vector<int32_t> Largest(const std::vector<double>& values, size_t count) {
  std::vector<int32_t> order(values.size());
  std::iota(order.begin(), order.end(), 0);
  std::ranges::stable_sort(
      order, [&](int32_t a, int32_t b) { return values[static_cast<size_t>(a)] > values[static_cast<size_t>(b)]; });
  order.resize(count);
  std::ranges::sort(order);
  return order;
}

/// What every layer keeps where all keep as much.
struct Counts {
  size_t heads, neurons;
};

absl::StatusOr<Counts> CountsFor(const ModelConfig& config, double keep_macs) {
  if (!(keep_macs > 0 && keep_macs <= 1)) {
    return errors::InvalidArgument("keep_macs is ", keep_macs, "; it must be above 0 and at most 1");
  }
  const auto all_heads = static_cast<size_t>(config.num_attention_heads);
  const auto all_neurons = static_cast<size_t>(config.intermediate_size);
  const size_t group = NeuronGroup(config);
  const auto heads = std::max<size_t>(1, static_cast<size_t>(std::lround(keep_macs * static_cast<double>(all_heads))));
  // What the heads leave of the budget is the neurons'.
  const double budget =
      keep_macs * (4.0 * static_cast<double>(config.hidden_size) + 2.0 * static_cast<double>(all_neurons)) -
      4.0 * static_cast<double>(heads) * static_cast<double>(config.head_size());
  const auto affordable = static_cast<size_t>(std::max(0.0, budget / 2));
  return Counts{heads, keep_macs == 1 ? all_neurons : std::min(affordable / group * group, all_neurons)};
}

/// For each of a tensor's rows (or columns) that a mask keeps its place in the dense tensor; empty: all are kept.
struct Places {
  std::vector<size_t> rows, columns;
};

Places PlacesIn(const checkpoint::TensorSpec& tensor, const checkpoint::LayerMask& mask, size_t head_size) {
  using checkpoint::PrunedPart;
  const PrunedPart part = tensor.pruned_part;
  if (part == PrunedPart::kNothing) return {};
  const bool is_of_heads = part == PrunedPart::kHeadRows || part == PrunedPart::kHeadColumns;
  const bool is_by_row = part == PrunedPart::kHeadRows || part == PrunedPart::kNeuronRows;
  std::vector<size_t> kept =
      is_of_heads ? checkpoint::BlocksOf(mask.heads, head_size) : checkpoint::BlocksOf(mask.neurons, 1);
  return is_by_row ? Places{std::move(kept), {}} : Places{{}, std::move(kept)};
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
ConvertedTensors Convert(const Checkpoint& from, const PruningMask& mask, bool to_dense) {
  const ModelConfig& config = from.config();
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

size_t NeuronGroup(const ModelConfig& config) {
  const auto neurons = static_cast<size_t>(config.intermediate_size);
  return std::min<size_t>(neurons < 1024 ? 16 : 64, neurons);
}

absl::StatusOr<PruningMask> MaskAtRandom(const ModelConfig& config, double keep_macs, uint64_t seed) {
  ASSIGN_OR_RETURN(const auto counts, CountsFor(config, keep_macs));
  std::mt19937_64 random(seed);
  const auto draw = [&](int64_t all, size_t count) {
    std::vector<double> keys(static_cast<size_t>(all));
    for (double& key : keys) key = static_cast<double>(random() >> 11);
    return Largest(keys, count);
  };
  PruningMask mask(static_cast<size_t>(config.num_hidden_layers));
  for (checkpoint::LayerMask& layer : mask) {
    layer.heads = draw(config.num_attention_heads, counts.heads);
    layer.neurons = draw(config.intermediate_size, counts.neurons);
  }
  return mask;
}

absl::StatusOr<PruningMask> MaskByMagnitude(const Checkpoint& checkpoint, double keep_macs) {
  if (!checkpoint.mask().empty()) {
    return errors::InvalidArgument(checkpoint.directory(), ": is a pruned checkpoint already");
  }
  const ModelConfig& config = checkpoint.config();
  ASSIGN_OR_RETURN(const auto counts, CountsFor(config, keep_macs));
  const auto all_heads = static_cast<size_t>(config.num_attention_heads);
  const auto all_neurons = static_cast<size_t>(config.intermediate_size);
  PruningMask mask;
  for (const checkpoint::LayerNames& names : checkpoint::TensorNamesOf(config).layers) {
    std::vector<double> of_heads(all_heads), of_neurons(all_neurons);
    const auto size = static_cast<size_t>(config.head_size());
    for (const std::string* module : {&names.query, &names.key, &names.value}) {
      RETURN_IF_ERROR(AddSquares(checkpoint, *module + ".weight", true, size, &of_heads));
    }
    RETURN_IF_ERROR(AddSquares(checkpoint, names.attention_output + ".weight", false, size, &of_heads));
    RETURN_IF_ERROR(AddSquares(checkpoint, names.intermediate + ".weight", true, 1, &of_neurons));
    RETURN_IF_ERROR(AddSquares(checkpoint, names.output + ".weight", false, 1, &of_neurons));
    mask.push_back({Largest(of_heads, counts.heads), Largest(of_neurons, counts.neurons)});
  }
  return mask;
}

absl::StatusOr<PruningMask> MaskFor(const Checkpoint& checkpoint, double keep_macs) {
  if (!checkpoint.mask().empty()) return PruningMask();
  return MaskByMagnitude(checkpoint, keep_macs);
}

absl::StatusOr<ConvertedTensors> PrunedTensors(const Checkpoint& checkpoint, const PruningMask& mask,
                                               absl::Span<const NewTensor> replaced) {
  if (!checkpoint.mask().empty()) {
    return errors::InvalidArgument(checkpoint.directory(), ": is a pruned checkpoint already");
  }
  const auto checked = checkpoint::ParsePruning(checkpoint::PruningJson(mask), checkpoint.config());
  if (!checked.ok()) return errors::In("mask", checked.status());
  ConvertedTensors converted = Convert(checkpoint, mask, false);
  for (const NewTensor& tensor : replaced) {
    const auto found = std::ranges::find(converted.tensors, tensor.name, &TensorView::name);
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

ConvertedTensors DenseTensors(const Checkpoint& checkpoint) {
  return Convert(checkpoint, checkpoint.mask(), true);
}

absl::Status SaveConverted(const std::string& directory, const Checkpoint& from, const std::string& config,
                           const std::string& pruning, const ConvertedTensors& converted) {
  return checkpoint::WriteNewCheckpoint(directory, {.config = config,
                                                    .pruning = pruning,
                                                    .vocabulary_directory = from.directory(),
                                                    .copies_sample = true,
                                                    .tensors = converted.tensors});
}

}  // namespace roberta::pruned
