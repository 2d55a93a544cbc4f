#include "profiles/encoder/packed_classifier.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <new>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "profiles/encoder/packed_batch.h"
#include "profiles/encoder/packed_weights.h"
#include "profiles/encoder/workspace.h"
#include "profiles/kernels/fastest_isa.h"
#include "profiles/kernels/flush_denormals.h"
#include "profiles/kernels/linear.h"
#include "profiles/kernels/passes.h"
#include "profiles/kernels/register_peak.h"

namespace roberta::encoder {

namespace {

/// Tokens of a piece: enough for the products to reach full speed, few enough for the rows to stay in the caches.
constexpr int64_t kPieceTokens = 512;

/// Sequences that the head takes at a time.
constexpr size_t kHeadRows = 16;

/// What a product multiplies, as lists of kernels show it.
std::string_view KindName(kernels::Precision precision) {
  switch (precision) {
    case kernels::Precision::kBFloat16:
      return "bf16";
    case kernels::Precision::kInt8:
      return "u8s8";
    case kernels::Precision::kFloat32:
      break;
  }
  return "fp32";
}

/// Some sequences of a batch that are run together.
struct Piece {
  const PackedBatch& batch;
  size_t begin, end;  ///< sequences

  size_t sequences() const { return end - begin; }
  size_t first_token() const { return static_cast<size_t>(batch.cu_seqlens[begin]); }
  size_t tokens() const { return static_cast<size_t>(batch.cu_seqlens[end]) - first_token(); }
};

/// The precisions of the encoder's products, the widest first: "fp32", "bf16+fp32".
std::string PrecisionsText(const PackedWeights& weights) {
  std::set<std::string> names;
  for (const LayerWeights& layer : weights.layers) {
    for (const Linear* linear :
         {&layer.query_key_value, &layer.key_value, &layer.attention_output, &layer.intermediate, &layer.output}) {
      if (linear->shape != nullptr) names.emplace(kernels::PrecisionName(linear->shape->precision()));
    }
  }
  return absl::StrJoin(names, "+");
}

/// The rate that the slowest and the fastest of some shapes reached when they were chosen, and what that is of the
/// registers' peak: " at 447-461 Gop/s (95-98 % of peak)". Empty where nothing was measured.
std::string RateText(const std::vector<const kernels::LinearShape*>& shapes) {
  double least = std::numeric_limits<double>::infinity(), most = 0;
  for (const kernels::LinearShape* shape : shapes) {
    least = std::min(least, shape->measured_gops());
    most = std::max(most, shape->measured_gops());
  }
  if (!(least > 0) || shapes.empty()) return "";
  const double peak = kernels::RegisterPeakGops(shapes.front()->precision());
  const std::string rate = absl::StrFormat(" at %.0f-%.0f Gop/s", least, most);
  return peak > 0
             ? absl::StrCat(rate, absl::StrFormat(" (%.0f-%.0f %% of peak)", 100 * least / peak, 100 * most / peak))
             : rate;
}

/// What computes, in words: each kind of product once.
std::vector<std::string> KernelsText(const PackedWeights& weights, const kernels::Passes& passes, bool is_mixed) {
  std::map<std::string, std::vector<const kernels::LinearShape*>> products;
  for (const auto& [key, shape] : weights.shapes) {
    if (shape.get() == weights.classifier_dense.shape && weights.shapes.size() > 1) continue;
    products[absl::StrCat(shape->implementation(), " ", std::string(KindName(key.precision)))].push_back(shape.get());
  }
  std::vector<std::string> texts;
  for (const auto& [name, shapes] : products) texts.push_back(absl::StrCat(name, RateText(shapes)));
  texts.push_back(absl::StrCat("packed attention", is_mixed ? " in bf16" : "", " and fused passes, ",
                               std::string(IsaName(passes.isa))));
  return texts;
}

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
        word_embeddings_(checkpoint.tensor("roberta.embeddings.word_embeddings.weight")),
        hidden_(static_cast<size_t>(config_.hidden_size)),
        weights_(std::move(weights)),
        passes_(kernels::PassesFor(kernels::FastestIsa())),
        attention_(mixed_attention
                       ? kernels::FastestMixedAttention(hidden_ / static_cast<size_t>(config_.num_attention_heads))
                       : passes_.attention),
        buffer_shape_{RowsOf(*weights_, max_rows), config_.hidden_size, config_.intermediate_size, config_.head_size()},
        buffers_(SharedBuffers(buffer_shape_)) {
    description_.precision = PrecisionsText(*weights_);
    description_.kernels = KernelsText(*weights_, passes_, attention_ != passes_.attention);
    description_.weight_bytes = weights_->bytes + static_cast<int64_t>(word_embeddings_.data.size());
  }

  absl::Status Run(const PackedBatch& batch, absl::Span<float> logits) const override {
    return RunTimed(batch, logits, nullptr);
  }

  absl::Status RunTimed(const PackedBatch& batch, absl::Span<float> logits, PartTimes* times) const override {
    return Run(batch, logits, times, nullptr);
  }

  absl::Status RunWatched(const PackedBatch& batch, absl::Span<float> logits, InputRanges* ranges) const override {
    if (description_.precision != "fp32") {
      return absl::FailedPreconditionError(
          absl::StrCat("the inputs of products in ", description_.precision, " are not float32"));
    }
    ranges->resize(weights_->layers.size());
    return Run(batch, logits, nullptr, ranges);
  }

  const ProfileDescription& description() const override { return description_; }

 private:
  absl::Status Run(const PackedBatch& batch, absl::Span<float> logits, PartTimes* times, InputRanges* ranges) const {
    const auto labels = static_cast<size_t>(config_.num_labels());
    absl::Status status = ValidateRun(batch, config_.vocab_size, config_.max_tokens(), labels, logits.size());
    if (!status.ok()) return status;
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
    workspace->Use(buffers.get());
    workspace->ranges = ranges;
    workspace->clock.Start(times);
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
    while (end < batch.sequences() && batch.cu_seqlens[end + 1] - batch.cu_seqlens[begin] <= kPieceTokens) ++end;
    return end;
  }

  absl::Status RunPiece(const Piece& piece, Workspace* w, absl::Span<float> logits) const {
    const LayerWeights& first = weights_->layers.front();
    kernels::NextRows rows =
        w->InputOf(weights_->layers.size() == 1 ? first.key_value : first.query_key_value, w->hidden());
    Embed(piece, rows, w);
    bool worked = true;
    for (size_t i = 0; i + 1 < weights_->layers.size() && worked; ++i) {
      const LayerWeights& next = weights_->layers[i + 1];
      const bool before_last = i + 2 == weights_->layers.size();
      worked = RunLayer(weights_->layers[i], before_last ? next.key_value : next.query_key_value, piece, &rows, w);
    }
    worked = worked && RunLastLayer(weights_->layers.back(), piece, rows, w) && RunHead(piece.sequences(), w, logits);
    return worked ? absl::OkStatus() : absl::InternalError("oneDNN: a matrix product failed");
  }

  void Embed(const Piece& piece, const kernels::NextRows& next, Workspace* w) const {
    const size_t row_bytes = hidden_ * checkpoint::DtypeBytes(word_embeddings_.dtype);
    for (size_t t = 0; t < piece.tokens(); ++t) {
      const auto id = static_cast<size_t>(piece.batch.token_ids[piece.first_token() + t]);
      checkpoint::CopyToFloat32(word_embeddings_.dtype, word_embeddings_.data.subspan(id * row_bytes, row_bytes),
                                absl::MakeSpan(w->hidden() + t * hidden_, hidden_));
    }
    for (size_t s = 0; s <= piece.sequences(); ++s) {
      w->cu_seqlens()[s] = piece.batch.cu_seqlens[piece.begin + s] - static_cast<int32_t>(piece.first_token());
    }
    for (size_t s = 0; s < piece.sequences(); ++s) {
      const absl::Span<const int32_t> ids = piece.batch.sequence(piece.begin + s);
      PositionIds(ids, config_.pad_token_id, absl::MakeSpan(w->position_ids() + w->cu_seqlens()[s], ids.size()));
    }
    passes_.embed_norm({.rows = w->hidden(),
                        .position_ids = w->position_ids(),
                        .tokens = piece.tokens(),
                        .hidden = hidden_,
                        .position = weights_->position_embeddings.data(),
                        .type = weights_->token_type.data(),
                        .norm = weights_->embedding_norm.View(),
                        .next = next});
    w->clock.End(Part::kEmbedding);
  }

  void Attend(const LayerWeights& layer, const Piece& piece, kernels::AttentionArguments arguments,
              const kernels::NextRows& next, Workspace* w) const {
    arguments.cu_seqlens = w->cu_seqlens();
    arguments.sequences = piece.sequences();
    arguments.heads = layer.heads;
    arguments.head_size = static_cast<size_t>(config_.head_size());
    arguments.context = w->context();
    arguments.next = next;
    arguments.scratch = w->attention_scratch();
    attention_(arguments);
    w->clock.End(Part::kAttention);
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
  std::optional<kernels::ProductRows> Multiply(const Linear& linear, const kernels::NextRows& in, size_t rows,
                                               float* out, Workspace* w) const {
    const auto product = w->Multiply(linear, in, rows, out);
    w->clock.End(Part::kProducts);
    if (linear.shape != nullptr)
      w->clock.CountMacs(rows * static_cast<size_t>(linear.shape->in() * linear.shape->out()));
    return product;
  }

  /// `*rows` are the layer's input in the form that its first product reads, and then those of `next`, the first
  /// product of the layer behind.
  bool RunLayer(const LayerWeights& layer, const Linear& next, const Piece& piece, kernels::NextRows* rows,
                Workspace* w) const {
    Watch(layer, &LayerInputs::query_key_value, *rows, piece.tokens(), layer.query_key_value, w);
    const auto product = Multiply(layer.query_key_value, *rows, piece.tokens(), w->wide(), w);
    if (!product) return false;
    const size_t width = layer.heads * static_cast<size_t>(config_.head_size());
    const float* bias = layer.query_key_value.bias.data();
    const kernels::NextRows context = w->InputOf(layer.attention_output, w->context());
    Attend(layer, piece,
           {.query = *product,
            .key = product->Columns(width),
            .value = product->Columns(2 * width),
            .query_bias = bias,
            .key_bias = bias + width,
            .value_bias = bias + 2 * width},
           context, w);
    return FinishLayer(layer, next, piece.tokens(), w->hidden(), context, rows, w);
  }

  /// Keys and values of all tokens, everything else of the first tokens only.
  bool RunLastLayer(const LayerWeights& layer, const Piece& piece, const kernels::NextRows& rows, Workspace* w) const {
    Watch(layer, &LayerInputs::query_key_value, rows, piece.tokens(), layer.key_value, w);
    const auto key_value = Multiply(layer.key_value, rows, piece.tokens(), w->wide(), w);
    for (size_t s = 0; s < piece.sequences(); ++s) {
      const float* row = w->hidden() + static_cast<size_t>(w->cu_seqlens()[s]) * hidden_;
      std::copy_n(row, hidden_, w->first() + s * hidden_);
    }
    const kernels::NextRows first = w->InputOf(layer.query, w->first());
    passes_.convert_rows(w->first(), first, piece.sequences(), hidden_);
    const auto query = Multiply(layer.query, first, piece.sequences(), w->product(), w);
    if (!key_value || !query) return false;
    const size_t width = layer.heads * static_cast<size_t>(config_.head_size());
    const kernels::NextRows context = w->InputOf(layer.attention_output, w->context());
    Attend(layer, piece,
           {.query = *query,
            .key = *key_value,
            .value = key_value->Columns(width),
            .query_bias = layer.query.bias.data(),
            .key_bias = layer.key_value.bias.data(),
            .value_bias = layer.key_value.bias.data() + width,
            .first_tokens_only = true},
           context, w);
    kernels::NextRows unused;
    return FinishLayer(layer, weights_->classifier_dense, piece.sequences(), w->first(), context, &unused, w);
  }

  /// From the context on: `residual` [rows, hidden] is the layer's input and becomes its output, also left in `*output`
  /// for the product `next`.
  bool FinishLayer(const LayerWeights& layer, const Linear& next, size_t rows, float* residual,
                   const kernels::NextRows& context, kernels::NextRows* output, Workspace* w) const {
    Watch(layer, &LayerInputs::attention_output, context, rows, layer.attention_output, w);
    const auto attended = Multiply(layer.attention_output, context, rows, w->product(), w);
    if (!attended) return false;
    const kernels::NextRows normed = w->InputOf(layer.intermediate, residual);
    passes_.residual_norm(*attended, layer.attention_output.bias.data(), residual, layer.attention_norm.View(), normed,
                          rows, hidden_);
    w->clock.End(Part::kNorms);
    Watch(layer, &LayerInputs::intermediate, normed, rows, layer.intermediate, w);
    const auto widened = Multiply(layer.intermediate, normed, rows, w->wide(), w);
    if (!widened) return false;
    const kernels::NextRows activated = w->InputOf(layer.output, w->wide());
    passes_.bias_gelu(*widened, layer.intermediate.bias.data(), activated, w->row_scratch(), rows, layer.neurons);
    w->clock.End(Part::kGelu);
    Watch(layer, &LayerInputs::output, activated, rows, layer.output, w);
    const auto narrowed = Multiply(layer.output, activated, rows, w->product(), w);
    if (!narrowed) return false;
    *output = w->InputOf(next, residual);
    passes_.residual_norm(*narrowed, layer.output.bias.data(), residual, layer.output_norm.View(), *output, rows,
                          hidden_);
    w->clock.End(Part::kNorms);
    return true;
  }

  /// A fixed number of rows at a time: how many a float32 product has may choose the order of its sums.
  bool RunHead(size_t sequences, Workspace* w, absl::Span<float> logits) const {
    for (size_t begin = 0; begin < sequences; begin += kHeadRows) {
      const size_t rows = std::min(kHeadRows, sequences - begin);
      float* dense = w->product() + begin * hidden_;
      const kernels::NextRows in = w->InputOf(weights_->classifier_dense, w->first() + begin * hidden_);
      if (!w->Multiply(weights_->classifier_dense, in, rows, dense)) return false;
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
    return true;
  }

  const checkpoint::ModelConfig config_;
  const checkpoint::TensorView& word_embeddings_;
  const size_t hidden_;
  const std::unique_ptr<const PackedWeights> weights_;
  const kernels::Passes& passes_;
  const kernels::AttentionPass attention_;
  ProfileDescription description_;
  const BufferShape buffer_shape_;
  const std::shared_ptr<Pool<Buffers>> buffers_;
  mutable Pool<Workspace> workspaces_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<const TimedProfile>> LoadPackedClassifier(const checkpoint::Checkpoint& checkpoint,
                                                                         const Recipe& recipe) {
  if (!recipe.mask.empty() && !checkpoint.mask().empty()) {
    return absl::InvalidArgumentError(absl::StrCat(checkpoint.directory(), ": is a pruned checkpoint already"));
  }
  const int64_t max_rows = std::max(kPieceTokens, checkpoint.config().max_tokens());
  try {
    auto weights = PackedWeights::Load(checkpoint, max_rows, recipe);
    if (!weights.ok()) return weights.status();
    return std::make_unique<PackedClassifier>(checkpoint, *std::move(weights), max_rows, recipe.mixed_attention);
  } catch (const std::bad_alloc&) {
    return absl::ResourceExhaustedError("no memory for the model's weights");
  }
}

}  // namespace roberta::encoder
