#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "profiles/checkpoint/checkpoint.h"
#include "profiles/checkpoint/config.h"
#include "profiles/checkpoint/pruning.h"
#include "profiles/encoder/profile.h"

namespace roberta::encoder {

/// Name of the file, in the directory of the checkpoint that it was measured on, by which int8 profiles of that
/// checkpoint are smoothed. It is a safetensors file with four F32 tensors for each layer,
///
///   layer.0.query_key_value, layer.0.attention_output, layer.0.intermediate, layer.0.output
///
/// (LayerInputs says of what width; one of a product that is all pruned has none), and in its metadata format
/// "roberta-serve calibration", version "1", revision, texts, texts_hash and alpha.
inline constexpr char kCalibrationFile[] = "calibration.safetensors";

/// Runs `checkpoint`, with what `mask` keeps of it (empty: all), in float32 over some texts, and notes the ranges.
/// Errors are those of LoadPackedClassifier and of a run; InvalidArgument for no batch.
absl::StatusOr<InputRanges> MeasureInputs(const checkpoint::Checkpoint& checkpoint, const checkpoint::PruningMask& mask,
                                          absl::Span<const PackedBatch> batches);

/// What was measured on one checkpoint, and on which texts.
struct Calibration {
  Smoothing smoothing;
  std::string revision;    ///< of the checkpoint
  std::string texts_hash;  ///< 16 hex digits
  int64_t texts = 0;       ///< at least 1
};

/// Writes `directory`/calibration.safetensors, whole or not at all. `calibration` must be sound (see ParseCalibration).
/// Errors are those of WriteSafetensors.
absl::Status WriteCalibration(const std::string& directory, const Calibration& calibration);

/// Parses the bytes of a calibration.safetensors for a checkpoint of `config`, `mask` and `revision`. Errors (without
/// the name of the file) name what is wrong and its value. FailedPrecondition: it was measured on another revision.
/// InvalidArgument: anything else; a range that is negative or not finite, too.
absl::StatusOr<Calibration> ParseCalibration(absl::Span<const std::byte> bytes, const checkpoint::ModelConfig& config,
                                             const checkpoint::PruningMask& mask, std::string_view revision);

/// The calibration in the checkpoint's directory; nullopt where there is none. Errors are ParseCalibration's, and name
/// the file.
absl::StatusOr<std::optional<Calibration>> ReadCalibration(const checkpoint::Checkpoint& checkpoint);

/// Hash of all that a profile's answers depend on.
uint64_t HashOf(const Smoothing& smoothing);

}  // namespace roberta::encoder
