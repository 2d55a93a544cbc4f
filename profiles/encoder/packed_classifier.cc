#include <algorithm>
#include <cmath>
#include <new>
#include <utility>
#include <vector>

#include "profiles/encoder/packed_weights.h"
#include "profiles/encoder/profile.h"
#include "profiles/encoder/workspace.h"
#include "profiles/errors/errors.h"
#include "profiles/kernels/flush_denormals.h"
#include "profiles/kernels/linear.h"
#include "profiles/kernels/passes.h"

namespace roberta::encoder {
namespace {

/// Tokens of a piece: enough for the products to reach full speed, few enough for the rows to stay in the caches.
constexpr size_t kPieceTokens = 512;

/// Sequences that the head takes at a time.
constexpr size_t kHeadRows = 16;

/// Rows that a pass takes at a time where threads share them.
constexpr size_t kRowsOfPiece = 4;

/// Some sequences of a batch that are run together.
struct Piece {
  const PackedBatch& batch;
  size_t begin, end;  ///< sequences

  size_t sequences() const { return end - begin; }
  size_t tokens() const { return batch.computed_tokens(begin, sequences()); }  ///< pads included
  bool is_padded() const { return batch.padded_length > 0; }
};

/// Rows that buffers must have for products of `max_rows`, which some implementations round up.
int64_t RowsOf(const PackedWeights& weights, int64_t max_rows) {
  int64_t rows = max_rows;
  for (const auto& [key, shape] : weights.shapes) rows = std::max(rows, shape->RoundedRows(max_rows));
  return rows;
}

class PackedClassifier final : public TimedProfile {
 public:
  PackedClassifier(const checkpoint::Checkpoint& checkpoint, std::unique_ptr<const PackedWeights> weights,
                   int64_t max_rows, bool mixed_attention)
      : config_(checkpoint.config()),
        word_embeddings_(checkpoint.tensor(checkpoint::TensorNamesOf(config_).word_embeddings + ".weight")),
        hidden_(static_cast<size_t>(config_.hidden_size)),
        weights_(std::move(weights)),
        passes_(kernels::PassesFor(kernels::FastestIsa())),
        activation_(passes_.find_activation(config_.hidden_act)),
        attention_(mixed_attention
                       ? kernels::FastestMixedAttention(hidden_ / static_cast<size_t>(config_.num_attention_heads))
                       : passes_.attention),
        description_(Describe(*weights_, passes_, attention_ != passes_.attention)),
        buffer_shape_{RowsOf(*weights_, max_rows), config_.hidden_size, config_.intermediate_size, config_.head_size()},
        scratch_floats_(ScratchFloats(buffer_shape_)),
        buffers_(SharedBuffers(buffer_shape_)) {
    description_.weight_bytes += static_cast<int64_t>(word_embeddings_.data.size());
  }

  absl::Status Run(const PackedBatch& batch, absl::Span<float> logits) const override {
    return RunTimed(batch, logits, nullptr);
  }

  absl::Status RunTimed(const PackedBatch& batch, absl::Span<float> logits, PartTimes* times) const override {
    return Run(batch, logits, nullptr, times, nullptr);
  }

  absl::Status RunShared(const PackedBatch& batch, absl::Span<float> logits, team::Team* team) const override {
    return Run(batch, logits, team, nullptr, nullptr);
  }

  absl::Status RunWatched(const PackedBatch& batch, absl::Span<float> logits, InputRanges* ranges) const override {
    if (description_.precision != "fp32") {
      return errors::FailedPrecondition("the inputs of products in ", description_.precision, " are not float32");
    }
    ranges->resize(weights_->layers.size());
    return Run(batch, logits, nullptr, nullptr, ranges);
  }

  const ProfileDescription& description() const override { return description_; }

 private:
  absl::Status Run(const PackedBatch& batch, absl::Span<float> logits, team::Team* team, PartTimes* times,
                   InputRanges* ranges) const {
    const auto labels = static_cast<size_t>(config_.num_labels());
    RETURN_IF_ERROR(ValidateRun(batch, config_.vocab_size, config_.max_tokens(), labels, logits.size()));
    kernels::ComputeOnCallingThreadOnly();
    const kernels::FlushDenormals flush_denormals;
    std::unique_ptr<Workspace> workspace = workspaces_.Take();
    std::unique_ptr<Buffers> buffers = buffers_->Take();
    try {
      if (workspace == nullptr) workspace = std::make_unique<Workspace>(*weights_);
      if (buffers == nullptr) buffers = std::make_unique<Buffers>(buffer_shape_);
    } catch (const std::bad_alloc&) {
      return absl::ResourceExhaustedError("no memory for a workspace");
    }
    workspace->Use(buffers.get(), team);
    workspace->ranges = ranges;
    workspace->clock.Start(times);
    absl::Status status;
    for (size_t begin = 0; begin < batch.sequences() && status.ok();) {
      const Piece piece = {batch, begin, EndOfPiece(batch, begin)};
      status = RunPiece(piece, workspace.get(), logits.subspan(begin * labels, piece.sequences() * labels));
      begin = piece.end;
    }
    workspaces_.Return(std::move(workspace));
    buffers_->Return(std::move(buffers));
    return status;
  }

  static size_t EndOfPiece(const PackedBatch& batch, size_t begin) {
    size_t end = begin + 1;
    while (end < batch.sequences() && batch.computed_tokens(begin, end + 1 - begin) <= kPieceTokens) ++end;
    return end;
  }

  absl::Status RunPiece(const Piece& piece, Workspace* w, absl::Span<float> logits) const {
    const LayerWeights& first = weights_->layers.front();
    kernels::NextRows rows =
        w->InputOf(weights_->layers.size() == 1 ? first.key_value : first.query_key_value, w->hidden());
    Embed(piece, rows, w);
    for (size_t i = 0; i + 1 < weights_->layers.size() && w->status().ok(); ++i) {
      const LayerWeights& next = weights_->layers[i + 1];
      const bool before_last = i + 2 == weights_->layers.size();
      RunLayer(weights_->layers[i], before_last ? next.key_value : next.query_key_value, piece, &rows, w);
    }
    if (w->status().ok()) RunLastLayer(weights_->layers.back(), piece, rows, w);
    if (w->status().ok()) RunHead(piece.sequences(), w, logits);
    return w->status();
  }

  /// Has `work` done for [0, rows), in ranges that threads share; `scratch_floats` as in Workspace::Share.
  static void ShareRows(size_t rows, size_t scratch_floats, Workspace* w,
                        absl::FunctionRef<void(size_t first, size_t count, float* scratch)> work) {
    w->Share((rows + kRowsOfPiece - 1) / kRowsOfPiece, scratch_floats, [&](size_t begin, size_t end, float* scratch) {
      const size_t first = begin * kRowsOfPiece;
      work(first, std::min(end * kRowsOfPiece, rows) - first, scratch);
    });
  }

  /// Lays the rows of `piece` out, sequence after sequence, each followed by its pads.
  void LayOut(const Piece& piece, Workspace* w) const {
    int32_t row = 0;
    for (size_t s = 0; s < piece.sequences(); ++s) {
      const absl::Span<const int32_t> ids = piece.batch.sequence(piece.begin + s);
      w->lengths()[s] = static_cast<int32_t>(ids.size());
      w->cu_seqlens()[s] = row;
      PositionIds(ids, config_.pad_token_id, absl::MakeSpan(w->position_ids() + row, ids.size()));
      std::copy(ids.begin(), ids.end(), w->token_ids() + row);
      const auto end = row + static_cast<int32_t>(ids.size());
      row += static_cast<int32_t>(piece.batch.computed_tokens(piece.begin + s, 1));
      const int32_t pad = std::max(config_.pad_token_id, 0);  // whatever has a row
      std::fill(w->position_ids() + end, w->position_ids() + row, pad);
      std::fill(w->token_ids() + end, w->token_ids() + row, pad);
    }
    w->cu_seqlens()[piece.sequences()] = row;
  }

  void CopyEmbedding(int32_t id, size_t row, Workspace* w) const {
    const size_t row_bytes = hidden_ * checkpoint::DtypeBytes(word_embeddings_.dtype);
    checkpoint::CopyToFloat32(word_embeddings_.dtype,
                              word_embeddings_.data.subspan(static_cast<size_t>(id) * row_bytes, row_bytes),
                              absl::MakeSpan(w->hidden() + row * hidden_, hidden_));
  }

  void Embed(const Piece& piece, const kernels::NextRows& next, Workspace* w) const {
    LayOut(piece, w);
    ShareRows(piece.tokens(), 0, w, [&](size_t first, size_t count, float* /*scratch*/) {
      for (size_t row = first; row < first + count; ++row) CopyEmbedding(w->token_ids()[row], row, w);
      passes_.embed_norm({.rows = w->hidden() + first * hidden_,
                          .position_ids = w->position_ids() + first,
                          .tokens = count,
                          .hidden = hidden_,
                          .position = weights_->position_embeddings.data(),
                          .type = weights_->token_type.data(),
                          .norm = weights_->embedding_norm.View(),
                          .next = next.From(first, hidden_)});
    });
    w->clock.End(Part::kEmbedding);
  }

  void Attend(const LayerWeights& layer, const Piece& piece, kernels::AttentionArguments arguments,
              const kernels::NextRows& next, Workspace* w) const {
    arguments.cu_seqlens = w->cu_seqlens();
    if (piece.is_padded()) arguments.lengths = w->lengths();
    arguments.sequences = piece.sequences();
    arguments.heads = layer.heads;
    arguments.head_size = static_cast<size_t>(config_.head_size());
    arguments.context = w->context();
    arguments.next = next;
    const size_t heads = arguments.sequences * arguments.heads;
    bool whole = false;
    w->Share(heads, scratch_floats_, [&](size_t begin, size_t end, float* scratch) {
      kernels::AttentionArguments own = arguments;
      own.scratch = scratch;
      own.first_head = begin;
      own.end_head = end;
      attention_(own);
      if (end - begin == heads) whole = true;  // one thread had them all, and left the context for the next product
    });
    if (!whole && next.precision != kernels::Precision::kFloat32) {
      const size_t rows = arguments.first_tokens_only ? piece.sequences() : piece.tokens();
      Convert(w->context(), next, rows, arguments.heads * arguments.head_size, w);
    }
    w->clock.End(Part::kAttention);
  }

  void Convert(const float* values, const kernels::NextRows& next, size_t rows, size_t columns, Workspace* w) const {
    ShareRows(rows, 0, w, [&](size_t first, size_t count, float* /*scratch*/) {
      passes_.convert_rows(values + first * columns, next.From(first, columns), count, columns);
    });
  }

  void ResidualNorm(const kernels::ProductRows& product, const std::vector<float>& bias, float* residual,
                    const NormWeights& norm, const kernels::NextRows& next, size_t rows, Workspace* w) const {
    ShareRows(rows, 0, w, [&](size_t first, size_t count, float* /*scratch*/) {
      passes_.residual_norm(product.From(first), bias.data(), residual + first * hidden_, norm.View(),
                            next.From(first, hidden_), count, hidden_);
    });
    w->clock.End(Part::kNorms);
  }

  /// Widens the ranges of the run under way, if it has any, to some rows of float32 inputs.
  void Watch(const LayerWeights& layer, std::vector<float> LayerInputs::*of, const kernels::NextRows& in, size_t rows,
             const Linear& linear, Workspace* w) const {
    if (w->ranges == nullptr || linear.shape == nullptr) return;
    std::vector<float>& range = (*w->ranges)[static_cast<size_t>(&layer - weights_->layers.data())].*of;
    const auto columns = static_cast<size_t>(linear.shape->in());
    range.resize(columns);
    const auto* values = static_cast<const float*>(in.values);
    for (size_t i = 0; i < rows * columns; ++i) {
      range[i % columns] = std::max(range[i % columns], std::abs(values[i]));
    }
  }

  /// As Workspace::Multiply, on the clock.
  kernels::ProductRows Multiply(const Linear& linear, const kernels::NextRows& in, size_t rows, float* out,
                                Workspace* w) const {
    const auto product = w->Multiply(linear, in, rows, out);
    w->clock.End(Part::kProducts);
    if (linear.shape != nullptr)
      w->clock.CountMacs(rows * static_cast<size_t>(linear.shape->in() * linear.shape->out()));
    return product;
  }

  /// `*rows` are the layer's input in the form that its first product reads, and then those of `next`, the first
  /// product of the layer behind.
  void RunLayer(const LayerWeights& layer, const Linear& next, const Piece& piece, kernels::NextRows* rows,
                Workspace* w) const {
    Watch(layer, &LayerInputs::query_key_value, *rows, piece.tokens(), layer.query_key_value, w);
    const auto product = Multiply(layer.query_key_value, *rows, piece.tokens(), w->wide(), w);
    const size_t width = layer.heads * static_cast<size_t>(config_.head_size());
    const float* bias = layer.query_key_value.bias.data();
    const kernels::NextRows context = w->InputOf(layer.attention_output, w->context());
    Attend(layer, piece,
           {.query = product,
            .key = product.Columns(width),
            .value = product.Columns(2 * width),
            .query_bias = bias,
            .key_bias = bias + width,
            .value_bias = bias + 2 * width},
           context, w);
    FinishLayer(layer, next, piece.tokens(), w->hidden(), context, rows, w);
  }

  /// Keys and values of all tokens, everything else of the first tokens only.
  void RunLastLayer(const LayerWeights& layer, const Piece& piece, const kernels::NextRows& rows, Workspace* w) const {
    Watch(layer, &LayerInputs::query_key_value, rows, piece.tokens(), layer.key_value, w);
    const auto key_value = Multiply(layer.key_value, rows, piece.tokens(), w->wide(), w);
    for (size_t s = 0; s < piece.sequences(); ++s) {
      const float* row = w->hidden() + static_cast<size_t>(w->cu_seqlens()[s]) * hidden_;
      std::copy_n(row, hidden_, w->first() + s * hidden_);
    }
    const kernels::NextRows first = w->InputOf(layer.query, w->first());
    Convert(w->first(), first, piece.sequences(), hidden_, w);
    const auto query = Multiply(layer.query, first, piece.sequences(), w->product(), w);
    const size_t width = layer.heads * static_cast<size_t>(config_.head_size());
    const kernels::NextRows context = w->InputOf(layer.attention_output, w->context());
    Attend(layer, piece,
           {.query = query,
            .key = key_value,
            .value = key_value.Columns(width),
            .query_bias = layer.query.bias.data(),
            .key_bias = layer.key_value.bias.data(),
            .value_bias = layer.key_value.bias.data() + width,
            .first_tokens_only = true},
           context, w);
    kernels::NextRows unused;
    FinishLayer(layer, weights_->classifier_dense, piece.sequences(), w->first(), context, &unused, w);
  }

  /// From the context on: `residual` [rows, hidden] is the layer's input and becomes its output, also left in `*output`
  /// for the product `next`.
  void FinishLayer(const LayerWeights& layer, const Linear& next, size_t rows, float* residual,
                   const kernels::NextRows& context, kernels::NextRows* output, Workspace* w) const {
    Watch(layer, &LayerInputs::attention_output, context, rows, layer.attention_output, w);
    const auto attended = Multiply(layer.attention_output, context, rows, w->product(), w);
    const kernels::NextRows normed = w->InputOf(layer.intermediate, residual);
    ResidualNorm(attended, layer.attention_output.bias, residual, layer.attention_norm, normed, rows, w);
    Watch(layer, &LayerInputs::intermediate, normed, rows, layer.intermediate, w);
    const auto widened = Multiply(layer.intermediate, normed, rows, w->wide(), w);
    const kernels::NextRows activated = w->InputOf(layer.output, w->wide());
    ShareRows(rows, scratch_floats_, w, [&](size_t first, size_t count, float* scratch) {
      passes_.bias_activation(widened.From(first), layer.intermediate.bias.data(), activation_,
                              activated.From(first, layer.neurons), scratch, count, layer.neurons);
    });
    w->clock.End(Part::kGelu);
    Watch(layer, &LayerInputs::output, activated, rows, layer.output, w);
    const auto narrowed = Multiply(layer.output, activated, rows, w->product(), w);
    *output = w->InputOf(next, residual);
    ResidualNorm(narrowed, layer.output.bias, residual, layer.output_norm, *output, rows, w);
  }

  /// A fixed number of rows at a time: how many a float32 product has may choose the order of its sums.
  void RunHead(size_t sequences, Workspace* w, absl::Span<float> logits) const {
    for (size_t begin = 0; begin < sequences; begin += kHeadRows) {
      const size_t rows = std::min(kHeadRows, sequences - begin);
      float* dense = w->product() + begin * hidden_;
      const kernels::NextRows in = w->InputOf(weights_->classifier_dense, w->first() + begin * hidden_);
      w->Multiply(weights_->classifier_dense, in, rows, dense);
      passes_.bias_tanh(dense, weights_->classifier_dense.bias.data(), rows, hidden_);
    }
    const size_t labels = weights_->classifier_bias.size();
    for (size_t s = 0; s < sequences; ++s) {
      for (size_t label = 0; label < labels; ++label) {
        const float* row = w->product() + s * hidden_;
        const float* weight = weights_->classifier_weight.data() + label * hidden_;
        double sum = weights_->classifier_bias[label];
        for (size_t i = 0; i < hidden_; ++i) sum += static_cast<double>(row[i]) * static_cast<double>(weight[i]);
        logits[s * labels + label] = static_cast<float>(sum);
      }
    }
    w->clock.End(Part::kHead);
  }

  const checkpoint::ModelConfig config_;
  const checkpoint::TensorView& word_embeddings_;
  const size_t hidden_;
  const std::unique_ptr<const PackedWeights> weights_;
  const kernels::Passes& passes_;
  const kernels::RowFunction activation_;
  const kernels::AttentionPass attention_;
  ProfileDescription description_;
  const BufferShape buffer_shape_;
  const size_t scratch_floats_;
  const std::shared_ptr<Pool<Buffers>> buffers_;
  mutable Pool<Workspace> workspaces_;
};

}  // namespace

int64_t BytesPerThread(const checkpoint::ModelConfig& config) {
  const int64_t rows = std::max(static_cast<int64_t>(kPieceTokens), config.max_tokens());
  const BufferShape shape = {rows, config.hidden_size, config.intermediate_size, config.head_size()};
  return shape.Bytes() + static_cast<int64_t>(ScratchFloats(shape) * sizeof(float));
}

absl::StatusOr<std::unique_ptr<const TimedProfile>> LoadPackedClassifier(const checkpoint::Checkpoint& checkpoint,
                                                                         const Recipe& recipe,
                                                                         const team::RunAll& run_all) {
  if (!recipe.mask.empty() && !checkpoint.mask().empty()) {
    return errors::InvalidArgument(checkpoint.directory(), ": is a pruned checkpoint already");
  }
  RETURN_IF_ERROR(kernels::CheckIsaLimit());
  const int64_t max_rows = std::max(static_cast<int64_t>(kPieceTokens), checkpoint.config().max_tokens());
  try {
    ASSIGN_OR_RETURN(auto weights, PackedWeights::Load(checkpoint, max_rows, recipe, run_all));
    return std::make_unique<PackedClassifier>(checkpoint, std::move(weights), max_rows, recipe.mixed_attention);
  } catch (const std::bad_alloc&) {
    return absl::ResourceExhaustedError(kNoMemoryForWeights);
  }
}

}  // namespace roberta::encoder
