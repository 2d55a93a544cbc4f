#include "profiles/encoder/packed_weights.h"

#include <algorithm>
#include <atomic>
#include <bit>
#include <cmath>
#include <functional>
#include <mutex>
#include <new>
#include <string>
#include <utility>

#include "absl/strings/str_join.h"
#include "profiles/encoder/workspace.h"
#include "profiles/errors/errors.h"

namespace roberta::encoder {
namespace {

constexpr kernels::Precision kHeadPrecision = kernels::Precision::kFloat32;

/// Values that are read and checked at a time, so that they are still in the nearest cache when they are checked.
constexpr size_t kValuesAtATime = 4096;

/// Memory of one step at a time, which the next one uses again.
struct Scratch {
  std::vector<float> values, row;
};

/// Rows and columns of a matrix that are taken; nullptr: all.
struct Cut {
  const std::vector<size_t>* rows = nullptr;
  const std::vector<size_t>* columns = nullptr;
};

bool AllFinite(absl::Span<const float> values) {
  constexpr uint32_t kExponent = 0x7F800000u;  // all of its bits are set in NaN and infinities alone
  bool found = false;
  for (const float value : values) found |= (std::bit_cast<uint32_t>(value) & kExponent) == kExponent;
  return !found;
}

/// Multiplies each column of `matrix` [rows, inputs] as Smoothing::alpha says, scaled to a geometric mean of 1; returns
/// what the inputs must be multiplied by in turn.
std::vector<float> Smooth(const std::vector<float>& inputs, float alpha, absl::Span<float> matrix) {
  constexpr float kLeast = 1e-5f;  // of a range that is divided by
  const size_t columns = inputs.size();
  std::vector<float> moved(columns, kLeast);
  for (size_t row = 0; row < matrix.size(); row += columns) {
    for (size_t c = 0; c < columns; ++c) moved[c] = std::max(moved[c], std::abs(matrix[row + c]));
  }
  double logarithms = 0;
  for (size_t c = 0; c < columns; ++c) {
    moved[c] = std::pow(std::max(inputs[c], kLeast), alpha) / std::pow(moved[c], 1 - alpha);
    logarithms += std::log(static_cast<double>(moved[c]));
  }
  const auto mean = static_cast<float>(std::exp(logarithms / static_cast<double>(columns)));
  std::vector<float> factors;
  for (float& factor : moved) {
    factor /= mean;
    factors.push_back(1 / factor);
  }
  for (size_t row = 0; row < matrix.size(); row += columns) {
    for (size_t c = 0; c < columns; ++c) matrix[row + c] *= moved[c];
  }
  return factors;
}

/// Weights that are packed in this process, for as long as a profile holds them. Threads: any.
class SharedWeights {
 public:
  struct Key {
    const checkpoint::Checkpoint* checkpoint;
    kernels::Precision precision;
    std::string tensors;
    friend auto operator<=>(const Key&, const Key&) = default;
  };
  using Weight = std::shared_ptr<const kernels::PackedWeight>;

  static SharedWeights& Get() {
    static auto* const shared = new SharedWeights;
    return *shared;
  }
  Weight Find(const Key& key) {
    const std::lock_guard lock(mutex_);
    const auto found = known_.find(key);
    return found == known_.end() ? nullptr : found->second.lock();
  }
  void Add(const Key& key, const Weight& weight) {
    const std::lock_guard lock(mutex_);
    std::erase_if(known_, [](const auto& entry) { return entry.second.expired(); });
    known_[key] = weight;
  }

 private:
  std::mutex mutex_;
  std::map<Key, std::weak_ptr<const kernels::PackedWeight>> known_;
};

/// Reads the tensors of one checkpoint and packs them. First all steps are planned, on the calling thread: kernels are
/// measured then, and nothing runs beside that. The steps are for any thread and in any order; the failure that counts
/// is that of the first one of them, as if they had run in turn.
class Loader {
 public:
  Loader(const checkpoint::Checkpoint& checkpoint, int64_t max_rows, const Recipe& recipe, PackedWeights* weights)
      : checkpoint_(checkpoint),
        names_(checkpoint::TensorNamesOf(checkpoint.config())),
        max_rows_(max_rows),
        recipe_(recipe),
        weights_(weights) {}

  absl::Status Load(const team::RunAll& run_all) {
    Plan();
    const absl::Status status = RunSteps(run_all);
    weights_->bytes = bytes_.load();
    return status;
  }

 private:
  using Step = std::function<absl::Status(Scratch* scratch)>;

  void Plan() {
    const auto hidden = static_cast<size_t>(checkpoint_.config().hidden_size);
    PlanRead(names_.position_embeddings + ".weight", &weights_->position_embeddings);
    steps_.push_back([this, hidden](Scratch*) {
      absl::Status status = Read(names_.token_type_embeddings + ".weight", &weights_->token_type);
      weights_->token_type.resize(hidden);
      return status;
    });
    PlanNorm(names_.embedding_norm, &weights_->embedding_norm);
    weights_->layers.resize(names_.layers.size());
    head_rows_.resize(names_.layers.size());
    neuron_rows_.resize(names_.layers.size());
    for (size_t i = 0; i < names_.layers.size() && plannable_; ++i) PlanLayer(i);
    PlanLinear({names_.classifier_dense}, {}, kHeadPrecision, nullptr, &weights_->classifier_dense);
    PlanRead(names_.classifier_out + ".weight", &weights_->classifier_weight);
    PlanRead(names_.classifier_out + ".bias", &weights_->classifier_bias);
  }

  absl::Status RunSteps(const team::RunAll& run_all) {
    std::mutex mutex;
    absl::Status failure;
    std::atomic<size_t> first_failure{steps_.size()};
    run_all(steps_.size(), [&](size_t i) {
      if (i > first_failure.load(std::memory_order_relaxed)) return;
      absl::Status status = RunStep(steps_[i]);
      if (status.ok()) return;
      const std::lock_guard lock(mutex);
      if (i > first_failure.load(std::memory_order_relaxed)) return;
      first_failure.store(i, std::memory_order_relaxed);
      failure = std::move(status);
    });
    return failure;
  }

  absl::Status RunStep(const Step& step) {
    try {
      std::unique_ptr<Scratch> scratch = scratches_.Take();
      if (scratch == nullptr) scratch = std::make_unique<Scratch>();
      absl::Status status = step(scratch.get());
      scratches_.Return(std::move(scratch));
      return status;
    } catch (const std::bad_alloc&) {
      return absl::ResourceExhaustedError(kNoMemoryForWeights);
    }
  }

  void PlanRead(std::string name, std::vector<float>* values) {
    steps_.push_back([this, name = std::move(name), values](Scratch*) { return Read(name, values); });
  }

  void PlanNorm(const std::string& prefix, NormWeights* norm) {
    norm->epsilon = static_cast<float>(checkpoint_.config().layer_norm_eps);
    PlanRead(prefix + ".weight", &norm->gamma);
    PlanRead(prefix + ".bias", &norm->beta);
  }

  /// What fails already, in its place among the steps. Nothing behind it is planned.
  void PlanFailure(absl::Status status) {
    plannable_ = false;
    steps_.push_back([status = std::move(status)](Scratch*) { return status; });
  }

  absl::Status Read(const std::string& name, std::vector<float>* values) {
    const checkpoint::TensorView& tensor = checkpoint_.tensor(name);
    values->resize(static_cast<size_t>(tensor.elements()));
    bytes_.fetch_add(static_cast<int64_t>(values->size() * sizeof(float)), std::memory_order_relaxed);
    return ReadChecked(name, tensor, absl::MakeSpan(*values));
  }

  absl::Status ReadChecked(const std::string& name, const checkpoint::TensorView& tensor, absl::Span<float> to) {
    const size_t value_bytes = checkpoint::DtypeBytes(tensor.dtype);
    for (size_t at = 0; at < to.size(); at += kValuesAtATime) {
      const absl::Span<float> part = to.subspan(at, kValuesAtATime);
      checkpoint::CopyToFloat32(tensor.dtype, tensor.data.subspan(at * value_bytes, part.size() * value_bytes), part);
      RETURN_IF_ERROR(CheckFinite(name, part, at));
    }
    return absl::OkStatus();
  }

  /// A broken weight would make every answer NaN, or none, where int8 hides it. `values` are those of the tensor from
  /// the element `first` on.
  absl::Status CheckFinite(const std::string& name, absl::Span<const float> values, size_t first) const {
    if (AllFinite(values)) return absl::OkStatus();
    size_t i = 0;
    while (std::isfinite(values[i])) ++i;
    return errors::InvalidArgument(checkpoint_.directory(), ": tensor \"", name, "\" holds ", values[i], " at element ",
                                   first + i);
  }

  /// `prefix`.weight [rows, columns] but for what is cut away.
  absl::Status ReadMatrix(const std::string& prefix, const Cut& cut, absl::Span<float> to, Scratch* scratch) {
    const std::string name = prefix + ".weight";
    const checkpoint::TensorView& tensor = checkpoint_.tensor(name);
    if (cut.rows == nullptr && cut.columns == nullptr) return ReadChecked(name, tensor, to);
    const auto all_columns = static_cast<size_t>(tensor.shape[1]);
    const size_t columns = cut.columns == nullptr ? all_columns : cut.columns->size();
    const size_t row_bytes = all_columns * checkpoint::DtypeBytes(tensor.dtype);
    scratch->row.resize(all_columns);
    for (size_t r = 0; r * columns < to.size(); ++r) {
      const size_t from = cut.rows == nullptr ? r : (*cut.rows)[r];
      const absl::Span<float> row = to.subspan(r * columns, columns);
      checkpoint::CopyToFloat32(tensor.dtype, tensor.data.subspan(from * row_bytes, row_bytes),
                                cut.columns == nullptr ? row : absl::MakeSpan(scratch->row));
      for (size_t c = 0; c < columns && cut.columns != nullptr; ++c) row[c] = scratch->row[(*cut.columns)[c]];
      RETURN_IF_ERROR(CheckFinite(name, row, r * columns));
    }
    return absl::OkStatus();
  }

  /// The weights [out, in] of layers that read the same input, one below the other, in `scratch`.
  absl::StatusOr<absl::Span<float>> ReadTogether(const std::vector<std::string>& prefixes, const Cut& cut, size_t size,
                                                 Scratch* scratch) {
    if (scratch->values.size() < size) {
      scratch->values.clear();
      scratch->values.resize(size);
    }
    const auto together = absl::MakeSpan(scratch->values).first(size);
    const size_t part = size / prefixes.size();  // the table of tensors has them all of one shape
    for (size_t i = 0; i < prefixes.size(); ++i) {
      RETURN_IF_ERROR(ReadMatrix(prefixes[i], cut, together.subspan(i * part, part), scratch));
    }
    return together;
  }

  /// The weights as the checkpoint's file has them, if that is how they are packed.
  absl::Span<const float> AsStored(const std::vector<std::string>& prefixes) const {
    if (prefixes.size() > 1) return {};
    const checkpoint::TensorView& tensor = checkpoint_.tensor(prefixes.front() + ".weight");
    const bool is_aligned = reinterpret_cast<uintptr_t>(tensor.data.data()) % alignof(float) == 0;
    if (tensor.dtype != checkpoint::Dtype::kF32 || !is_aligned) return {};
    return {reinterpret_cast<const float*>(tensor.data.data()), static_cast<size_t>(tensor.elements())};
  }

  absl::StatusOr<const kernels::LinearShape*> ShapeFor(int64_t in, int64_t out, kernels::Precision precision) {
    const PackedWeights::ShapeKey key = {precision, in, out};
    const auto found = weights_->shapes.find(key);
    if (found != weights_->shapes.end()) return found->second.get();
    ASSIGN_OR_RETURN(auto made, kernels::LinearShape::Make(in, out, max_rows_, precision));
    return weights_->shapes.emplace(key, std::move(made)).first->second.get();
  }

  /// What products of [in] to [out] columns are computed in.
  kernels::Precision PrecisionFor(size_t in, size_t out) {
    if (recipe_.products.size() == 1 || in == 0 || out == 0) return recipe_.products.front();
    const auto [found, is_new] = chosen_.try_emplace({in, out}, recipe_.products.front());
    if (is_new) {
      const auto fastest =
          kernels::LinearShape::Fastest(static_cast<int64_t>(in), static_cast<int64_t>(out), recipe_.products);
      if (fastest.ok()) {
        found->second = *fastest;
      } else {
        PlanFailure(fastest.status());
      }
    }
    return found->second;
  }

  /// The layers `prefixes`, which read the same input, as one: their rows one below the other.
  void PlanLinear(std::vector<std::string> prefixes, const Cut& cut, kernels::Precision precision,
                  const std::vector<float>* inputs, Linear* linear) {
    if (!plannable_) return;
    const size_t in = cut.columns != nullptr ? cut.columns->size() : Width(prefixes.front());
    const size_t out = prefixes.size() * (cut.rows != nullptr ? cut.rows->size() : Height(prefixes.front()));
    absl::Status failure;
    if (in > 0 && out > 0) {
      const auto shape = ShapeFor(static_cast<int64_t>(in), static_cast<int64_t>(out), precision);
      if (shape.ok()) {
        linear->shape = *shape;
      } else {
        failure = shape.status();
      }
    }
    steps_.push_back([this, prefixes, cut, linear](Scratch*) { return ReadBiases(prefixes, cut, linear); });
    if (!failure.ok()) return PlanFailure(std::move(failure));
    if (linear->shape == nullptr) return;
    steps_.push_back([this, prefixes = std::move(prefixes), cut, inputs, linear](Scratch* scratch) {
      return Pack(prefixes, cut, inputs, linear, scratch);
    });
  }

  absl::Status ReadBiases(const std::vector<std::string>& prefixes, const Cut& cut, Linear* linear) {
    std::vector<float> bias;
    for (const std::string& prefix : prefixes) {
      RETURN_IF_ERROR(Read(prefix + ".bias", &bias));
      for (size_t i = 0; i < (cut.rows == nullptr ? bias.size() : cut.rows->size()); ++i) {
        linear->bias.push_back(bias[cut.rows == nullptr ? i : (*cut.rows)[i]]);
      }
    }
    return absl::OkStatus();
  }

  /// Weights are read only if they are not packed yet. `inputs` are the ranges to smooth by; nullptr: none.
  absl::Status Pack(const std::vector<std::string>& prefixes, const Cut& cut, const std::vector<float>* inputs,
                    Linear* linear, Scratch* scratch) {
    const kernels::LinearShape& shape = *linear->shape;
    const bool is_smoothed = inputs != nullptr && shape.precision() == kernels::Precision::kInt8;
    const bool is_whole = cut.rows == nullptr && cut.columns == nullptr && !is_smoothed;
    const SharedWeights::Key key = {&checkpoint_, shape.precision(), absl::StrJoin(prefixes, "+")};
    if (is_whole) linear->weight = SharedWeights::Get().Find(key);
    if (linear->weight == nullptr) {
      absl::Span<const float> values;
      if (is_whole) values = AsStored(prefixes);
      if (!values.empty()) {
        RETURN_IF_ERROR(CheckFinite(prefixes.front() + ".weight", values, 0));
      } else {
        ASSIGN_OR_RETURN(const auto read,
                         ReadTogether(prefixes, cut, static_cast<size_t>(shape.in() * shape.out()), scratch));
        if (is_smoothed) {
          linear->input_factor = Smooth(*inputs, recipe_.smoothing.alpha, read);
          // A range may be as large as it likes.
          RETURN_IF_ERROR(CheckFinite(prefixes.front() + ", smoothed", read, 0));
          RETURN_IF_ERROR(CheckFinite(prefixes.front() + ", smoothed, input", linear->input_factor, 0));
        }
        values = read;
      }
      ASSIGN_OR_RETURN(auto packed, shape.Pack(values));
      linear->weight = std::make_shared<const kernels::PackedWeight>(std::move(packed));
      if (is_whole) SharedWeights::Get().Add(key, linear->weight);
    }
    bytes_.fetch_add(linear->weight->bytes(), std::memory_order_relaxed);
    return absl::OkStatus();
  }

  /// Inputs and outputs of a linear layer as it is stored.
  size_t Width(const std::string& prefix) const {
    return static_cast<size_t>(checkpoint_.tensor(prefix + ".weight").shape[1]);
  }
  size_t Height(const std::string& prefix) const {
    return static_cast<size_t>(checkpoint_.tensor(prefix + ".weight").shape[0]);
  }

  void PlanOne(const std::string& prefix, const Cut& cut, const std::vector<float>* inputs, Linear* linear) {
    const size_t in = cut.columns != nullptr ? cut.columns->size() : Width(prefix);
    const size_t out = cut.rows != nullptr ? cut.rows->size() : Height(prefix);
    const kernels::Precision precision = PrecisionFor(in, out);
    PlanLinear({prefix}, cut, precision, inputs, linear);
  }

  static const std::vector<float>* Of(const LayerInputs* inputs, std::vector<float> LayerInputs::*of) {
    return inputs == nullptr ? nullptr : &(inputs->*of);
  }

  void PlanLayer(size_t index) {
    const checkpoint::ModelConfig& config = checkpoint_.config();
    const checkpoint::LayerNames& names = names_.layers[index];
    const bool is_cut = !recipe_.mask.empty();
    if (is_cut) {
      head_rows_[index] = checkpoint::BlocksOf(recipe_.mask[index].heads, static_cast<size_t>(config.head_size()));
      neuron_rows_[index] = checkpoint::BlocksOf(recipe_.mask[index].neurons, 1);
    }
    const std::vector<size_t>*heads = is_cut ? &head_rows_[index] : nullptr,
          *neurons = is_cut ? &neuron_rows_[index] : nullptr;
    const InputRanges& ranges = recipe_.smoothing.inputs;
    const LayerInputs* inputs = ranges.empty() ? nullptr : &ranges[index];
    const auto hidden = static_cast<size_t>(config.hidden_size);
    const size_t width = heads != nullptr ? heads->size() : Height(names.query);
    // One precision for all that attention reads.
    const kernels::Precision precision = PrecisionFor(hidden, 3 * width);
    const std::vector<float>* for_attention = Of(inputs, &LayerInputs::query_key_value);
    LayerWeights& layer = weights_->layers[index];
    layer.heads = width / static_cast<size_t>(config.head_size());
    layer.neurons = neurons != nullptr ? neurons->size() : Height(names.intermediate);
    if (index + 1 == names_.layers.size()) {
      PlanLinear({names.query}, {.rows = heads}, precision, for_attention, &layer.query);
      PlanLinear({names.key, names.value}, {.rows = heads}, precision, for_attention, &layer.key_value);
    } else {
      PlanLinear({names.query, names.key, names.value}, {.rows = heads}, precision, for_attention,
                 &layer.query_key_value);
    }
    PlanOne(names.attention_output, {.columns = heads}, Of(inputs, &LayerInputs::attention_output),
            &layer.attention_output);
    PlanNorm(names.attention_norm, &layer.attention_norm);
    PlanOne(names.intermediate, {.rows = neurons}, Of(inputs, &LayerInputs::intermediate), &layer.intermediate);
    PlanOne(names.output, {.columns = neurons}, Of(inputs, &LayerInputs::output), &layer.output);
    PlanNorm(names.output_norm, &layer.output_norm);
  }

  const checkpoint::Checkpoint& checkpoint_;
  const checkpoint::TensorNames names_;
  const int64_t max_rows_;
  const Recipe& recipe_;
  PackedWeights* const weights_;
  std::map<std::pair<size_t, size_t>, kernels::Precision> chosen_;  ///< by in and out
  std::vector<std::vector<size_t>> head_rows_, neuron_rows_;        ///< of each layer, what is taken
  std::vector<Step> steps_;
  bool plannable_ = true;  ///< nothing has failed while steps were planned
  Pool<Scratch> scratches_;
  std::atomic<int64_t> bytes_{0};
};

}  // namespace

absl::StatusOr<std::unique_ptr<const PackedWeights>> PackedWeights::Load(const checkpoint::Checkpoint& checkpoint,
                                                                         int64_t max_rows, const Recipe& recipe,
                                                                         const team::RunAll& run_all) {
  auto weights = std::make_unique<PackedWeights>();
  RETURN_IF_ERROR(Loader(checkpoint, max_rows, recipe, weights.get()).Load(run_all));
  return weights;
}

}  // namespace roberta::encoder
