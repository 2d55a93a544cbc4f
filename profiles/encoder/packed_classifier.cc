#include "profiles/encoder/packed_classifier.h"

#include <algorithm>
#include <new>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "profiles/encoder/packed_batch.h"
#include "profiles/encoder/packed_weights.h"
#include "profiles/encoder/workspace.h"
#include "profiles/kernels/fastest_isa.h"
#include "profiles/kernels/linear.h"
#include "profiles/kernels/passes.h"

namespace roberta::encoder {

namespace {

/// Tokens of a piece: enough for the products to reach full speed, few enough for the rows to stay in the caches.
constexpr int64_t kPieceTokens = 512;

/// Sequences that the head takes at a time.
constexpr size_t kHeadRows = 16;

/// Some sequences of a batch that are run together.
struct Piece {
  const PackedBatch& batch;
  size_t begin, end;  ///< sequences

  size_t sequences() const { return end - begin; }
  size_t first_token() const { return static_cast<size_t>(batch.cu_seqlens[begin]); }
  size_t tokens() const { return static_cast<size_t>(batch.cu_seqlens[end]) - first_token(); }
};

class PackedClassifier final : public Profile {
 public:
  PackedClassifier(const checkpoint::Checkpoint& checkpoint, std::unique_ptr<const PackedWeights> weights,
                   int64_t max_rows)
      : config_(checkpoint.config()),
        word_embeddings_(checkpoint.tensor("roberta.embeddings.word_embeddings.weight")),
        max_rows_(max_rows),
        hidden_(static_cast<size_t>(config_.hidden_size)),
        weights_(std::move(weights)),
        passes_(kernels::PassesFor(kernels::FastestIsa())) {
    const kernels::LinearShape& product = *weights_->layers.front().output.shape;
    description_.precision = product.precision() == kernels::Precision::kInt8 ? "int8" : "fp32";
    description_.kernels = {absl::StrCat("oneDNN ", product.implementation()),
                            absl::StrCat("packed attention and fused passes, ", std::string(IsaName(passes_.isa)))};
    description_.weight_bytes = weights_->bytes + static_cast<int64_t>(word_embeddings_.data.size());
  }

  absl::Status Run(const PackedBatch& batch, absl::Span<float> logits) const override {
    const auto labels = static_cast<size_t>(config_.num_labels());
    absl::Status status = ValidateRun(batch, config_.vocab_size, config_.max_tokens(), labels, logits.size());
    if (!status.ok()) return status;
    kernels::ComputeOnCallingThreadOnly();
    std::unique_ptr<Workspace> workspace = pool_.Take();
    if (workspace == nullptr) {
      try {
        workspace = std::make_unique<Workspace>(*weights_, config_, max_rows_, passes_);
      } catch (const std::bad_alloc&) {
        return absl::ResourceExhaustedError("no memory for a workspace");
      }
    }
    for (size_t begin = 0; begin < batch.sequences() && status.ok();) {
      const Piece piece = {batch, begin, EndOfPiece(batch, begin)};
      status = RunPiece(piece, workspace.get(), logits.subspan(begin * labels, piece.sequences() * labels));
      begin = piece.end;
    }
    pool_.Return(std::move(workspace));
    return status;
  }

  const ProfileDescription& description() const override { return description_; }

 private:
  static size_t EndOfPiece(const PackedBatch& batch, size_t begin) {
    size_t end = begin + 1;
    while (end < batch.sequences() && batch.cu_seqlens[end + 1] - batch.cu_seqlens[begin] <= kPieceTokens) ++end;
    return end;
  }

  absl::Status RunPiece(const Piece& piece, Workspace* w, absl::Span<float> logits) const {
    Embed(piece, w);
    bool worked = true;
    for (size_t i = 0; i + 1 < weights_->layers.size() && worked; ++i) {
      worked = RunLayer(weights_->layers[i], piece, w);
    }
    worked = worked && RunLastLayer(weights_->layers.back(), piece, w) && RunHead(piece.sequences(), w, logits);
    return worked ? absl::OkStatus() : absl::InternalError("oneDNN: a matrix product failed");
  }

  void Embed(const Piece& piece, Workspace* w) const {
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
                        .norm = weights_->embedding_norm.View()});
  }

  kernels::AttentionArguments AttentionOf(const Piece& piece, Workspace* w) const {
    kernels::AttentionArguments arguments;
    arguments.cu_seqlens = w->cu_seqlens();
    arguments.sequences = piece.sequences();
    arguments.heads = static_cast<size_t>(config_.num_attention_heads);
    arguments.head_size = static_cast<size_t>(config_.head_size());
    arguments.context = w->context();
    arguments.scratch = w->attention_scratch();
    return arguments;
  }

  bool RunLayer(const LayerWeights& layer, const Piece& piece, Workspace* w) const {
    const auto product = w->Multiply(layer.query_key_value, w->hidden(), piece.tokens(), w->wide());
    if (!product) return false;
    kernels::AttentionArguments attention = AttentionOf(piece, w);
    attention.query = *product;
    attention.key = product->Columns(hidden_);
    attention.value = product->Columns(2 * hidden_);
    attention.query_bias = layer.query_key_value.bias.data();
    attention.key_bias = attention.query_bias + hidden_;
    attention.value_bias = attention.key_bias + hidden_;
    passes_.attention(attention);
    return FinishLayer(layer, piece.tokens(), w->hidden(), w);
  }

  /// Keys and values of all tokens, everything else of the first tokens only.
  bool RunLastLayer(const LayerWeights& layer, const Piece& piece, Workspace* w) const {
    const auto key_value = w->Multiply(layer.key_value, w->hidden(), piece.tokens(), w->wide());
    for (size_t s = 0; s < piece.sequences(); ++s) {
      const float* row = w->hidden() + static_cast<size_t>(w->cu_seqlens()[s]) * hidden_;
      std::copy_n(row, hidden_, w->first() + s * hidden_);
    }
    const auto query = w->Multiply(layer.query, w->first(), piece.sequences(), w->product());
    if (!key_value || !query) return false;
    kernels::AttentionArguments attention = AttentionOf(piece, w);
    attention.first_tokens_only = true;
    attention.query = *query;
    attention.key = *key_value;
    attention.value = key_value->Columns(hidden_);
    attention.query_bias = layer.query.bias.data();
    attention.key_bias = layer.key_value.bias.data();
    attention.value_bias = attention.key_bias + hidden_;
    passes_.attention(attention);
    return FinishLayer(layer, piece.sequences(), w->first(), w);
  }

  /// From the context on: `residual` [rows, hidden] is the layer's input and becomes its output.
  bool FinishLayer(const LayerWeights& layer, size_t rows, float* residual, Workspace* w) const {
    const auto attended = w->Multiply(layer.attention_output, w->context(), rows, w->product());
    if (!attended) return false;
    passes_.residual_norm(*attended, layer.attention_output.bias.data(), residual, layer.attention_norm.View(), rows,
                          hidden_);
    const auto widened = w->Multiply(layer.intermediate, residual, rows, w->wide());
    if (!widened) return false;
    passes_.bias_gelu(*widened, layer.intermediate.bias.data(), w->wide(), rows, layer.intermediate.bias.size());
    const auto narrowed = w->Multiply(layer.output, w->wide(), rows, w->product());
    if (!narrowed) return false;
    passes_.residual_norm(*narrowed, layer.output.bias.data(), residual, layer.output_norm.View(), rows, hidden_);
    return true;
  }

  /// A fixed number of rows at a time: how many a float32 product has may choose the order of its sums.
  bool RunHead(size_t sequences, Workspace* w, absl::Span<float> logits) const {
    for (size_t begin = 0; begin < sequences; begin += kHeadRows) {
      const size_t rows = std::min(kHeadRows, sequences - begin);
      float* dense = w->product() + begin * hidden_;
      if (!w->Multiply(weights_->classifier_dense, w->first() + begin * hidden_, rows, dense)) return false;
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
    return true;
  }

  const checkpoint::ModelConfig config_;
  const checkpoint::TensorView& word_embeddings_;
  const int64_t max_rows_;
  const size_t hidden_;
  const std::unique_ptr<const PackedWeights> weights_;
  const kernels::Passes& passes_;
  ProfileDescription description_;
  mutable WorkspacePool pool_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<const Profile>> LoadPackedClassifier(const checkpoint::Checkpoint& checkpoint,
                                                                    kernels::Precision precision) {
  const int64_t max_rows = std::max(kPieceTokens, checkpoint.config().max_tokens());
  try {
    auto weights = PackedWeights::Load(checkpoint, max_rows, precision);
    if (!weights.ok()) return weights.status();
    return std::make_unique<PackedClassifier>(checkpoint, *std::move(weights), max_rows);
  } catch (const std::bad_alloc&) {
    return absl::ResourceExhaustedError("no memory for the model's weights");
  }
}

}  // namespace roberta::encoder
