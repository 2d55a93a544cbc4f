#include "profiles/encoder/calibration.h"

#include <cmath>
#include <functional>
#include <map>
#include <utility>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_format.h"
#include "profiles/checkpoint/files.h"
#include "profiles/checkpoint/safetensors.h"
#include "profiles/checkpoint/save.h"
#include "profiles/errors/errors.h"
#include "profiles/json/strict_json.h"

namespace roberta::encoder {
namespace {

using checkpoint::TensorView;

constexpr char kFormat[] = "roberta-serve calibration";
constexpr char kVersion[] = "1";
constexpr size_t kHashDigits = 16;

struct Input {
  const char* name;
  std::vector<float> LayerInputs::*ranges;
};
constexpr Input kInputs[] = {{"query_key_value", &LayerInputs::query_key_value},
                             {"attention_output", &LayerInputs::attention_output},
                             {"intermediate", &LayerInputs::intermediate},
                             {"output", &LayerInputs::output}};

std::string TensorName(size_t layer, const Input& input) {
  return absl::StrCat("layer.", layer, ".", input.name);
}

/// What a layer's products read, in the order of kInputs: nothing where they have no outputs.
std::vector<int64_t> WidthsOf(const checkpoint::ModelConfig& config, const checkpoint::LayerMask* mask) {
  const int64_t context =
      mask == nullptr ? config.hidden_size : static_cast<int64_t>(mask->heads.size()) * config.head_size();
  const int64_t neurons = mask == nullptr ? config.intermediate_size : static_cast<int64_t>(mask->neurons.size());
  return {context > 0 ? config.hidden_size : 0, context, neurons > 0 ? config.hidden_size : 0, neurons};
}

/// Of metadata: what its text must be.
struct Field {
  const char* name;
  std::function<bool(const std::string& text)> is_sound;
  std::string wanted;
};

absl::Status ReadMetadata(const std::map<std::string, std::string>& metadata, Calibration* calibration) {
  const auto is = [](const char* wanted) { return [=](const std::string& text) { return text == wanted; }; };
  const auto is_hash = [](const std::string& text) {
    return text.size() == kHashDigits && text.find_first_not_of("0123456789abcdef") == std::string::npos;
  };
  int64_t& texts = calibration->texts;
  float& alpha = calibration->smoothing.alpha;
  const Field fields[] = {
      {"format", is(kFormat), absl::StrCat("it must be \"", kFormat, "\"")},
      {"version", is(kVersion), absl::StrCat("it must be ", kVersion)},
      {"revision", is_hash, "it must be 16 hexadecimal digits"},
      {"texts_hash", is_hash, "it must be 16 hexadecimal digits"},
      {"texts", [&](const std::string& text) { return absl::SimpleAtoi(text, &texts) && texts > 0; },
       "it must be a number above 0"},
      {"alpha", [&](const std::string& text) { return absl::SimpleAtof(text, &alpha) && alpha >= 0 && alpha <= 1; },
       "it must be a number from 0 to 1"}};
  for (const auto& [name, is_sound, wanted] : fields) {
    const auto found = metadata.find(name);
    if (found == metadata.end()) return errors::InvalidArgument("metadata \"", name, "\" is missing");
    if (is_sound(found->second)) continue;
    return errors::InvalidArgument("metadata \"", name, "\" is ", json::Quoted(found->second), "; ", wanted);
  }
  calibration->revision = metadata.at("revision");
  calibration->texts_hash = metadata.at("texts_hash");
  return absl::OkStatus();
}

absl::Status ReadRanges(const TensorView& tensor, int64_t width, std::vector<float>* ranges) {
  const std::string where = absl::StrCat("tensor ", json::Quoted(tensor.name), " ");
  if (tensor.dtype != checkpoint::Dtype::kF32) {
    return errors::InvalidArgument(where, "has dtype ", std::string(checkpoint::DtypeName(tensor.dtype)), ", not F32");
  }
  if (tensor.shape != std::vector<int64_t>{width}) {
    return errors::InvalidArgument(where, "has shape ", checkpoint::ShapeText(tensor.shape),
                                   "; the checkpoint makes it [", width, "]");
  }
  ranges->resize(static_cast<size_t>(width));
  checkpoint::CopyToFloat32(tensor, absl::MakeSpan(*ranges));
  for (size_t i = 0; i < ranges->size(); ++i) {
    if (std::isfinite((*ranges)[i]) && (*ranges)[i] >= 0) continue;
    return errors::InvalidArgument(where, "holds ", (*ranges)[i], " at element ", i,
                                   "; a range is finite and not negative");
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<InputRanges> MeasureInputs(const checkpoint::Checkpoint& checkpoint, const checkpoint::PruningMask& mask,
                                          absl::Span<const PackedBatch> batches) {
  if (batches.empty()) return absl::InvalidArgumentError("there is no text to measure the ranges of inputs on");
  ASSIGN_OR_RETURN(const auto classifier, LoadPackedClassifier(checkpoint, {.mask = mask}));
  InputRanges ranges;
  std::vector<float> logits;
  for (const PackedBatch& batch : batches) {
    logits.resize(batch.sequences() * static_cast<size_t>(checkpoint.config().num_labels()));
    RETURN_IF_ERROR(classifier->RunWatched(batch, absl::MakeSpan(logits), &ranges));
  }
  return ranges;
}

absl::Status WriteCalibration(const std::string& directory, const Calibration& calibration) {
  std::vector<TensorView> tensors;
  const InputRanges& layers = calibration.smoothing.inputs;
  for (size_t layer = 0; layer < layers.size(); ++layer) {
    for (const Input& input : kInputs) {
      const std::vector<float>& ranges = layers[layer].*input.ranges;
      tensors.push_back({TensorName(layer, input),
                         checkpoint::Dtype::kF32,
                         {static_cast<int64_t>(ranges.size())},
                         {reinterpret_cast<const std::byte*>(ranges.data()), ranges.size() * sizeof(float)}});
    }
  }
  return checkpoint::WriteSafetensors(absl::StrCat(directory, "/", kCalibrationFile), tensors,
                                      {{"format", kFormat},
                                       {"version", kVersion},
                                       {"revision", calibration.revision},
                                       {"texts", absl::StrCat(calibration.texts)},
                                       {"texts_hash", calibration.texts_hash},
                                       {"alpha", absl::StrFormat("%.9g", calibration.smoothing.alpha)}});
}

absl::StatusOr<Calibration> ParseCalibration(absl::Span<const std::byte> bytes, const checkpoint::ModelConfig& config,
                                             const checkpoint::PruningMask& mask, std::string_view revision) {
  ASSIGN_OR_RETURN(const auto file, checkpoint::ParseSafetensors(bytes));
  Calibration calibration;
  RETURN_IF_ERROR(ReadMetadata(file.metadata, &calibration));
  if (calibration.revision != revision) {
    return errors::FailedPrecondition("was measured on revision ", calibration.revision,
                                      " of the checkpoint, which is now ", std::string(revision),
                                      "; run roberta-model calibrate again, or remove the file");
  }
  std::map<std::string_view, const TensorView*> unread;
  for (const TensorView& tensor : file.tensors) unread.emplace(tensor.name, &tensor);
  InputRanges& layers = calibration.smoothing.inputs;
  layers.resize(static_cast<size_t>(config.num_hidden_layers));
  for (size_t layer = 0; layer < layers.size(); ++layer) {
    const std::vector<int64_t> widths = WidthsOf(config, mask.empty() ? nullptr : &mask[layer]);
    for (size_t i = 0; i < widths.size(); ++i) {
      const std::string name = TensorName(layer, kInputs[i]);
      const auto found = unread.find(name);
      if (found == unread.end()) return errors::InvalidArgument("tensor \"", name, "\" is missing");
      RETURN_IF_ERROR(ReadRanges(*found->second, widths[i], &(layers[layer].*kInputs[i].ranges)));
      unread.erase(found);
    }
  }
  if (unread.empty()) return calibration;
  return errors::InvalidArgument("tensor ", json::Quoted(unread.begin()->first),
                                 " is not one of the checkpoint's layers");
}

absl::StatusOr<std::optional<Calibration>> ReadCalibration(const checkpoint::Checkpoint& checkpoint) {
  const std::string path = absl::StrCat(checkpoint.directory(), "/", kCalibrationFile);
  const auto file = checkpoint::MappedFile::Open(path);
  if (absl::IsNotFound(file.status())) return std::nullopt;
  absl::Status failure = file.status();
  if (file.ok()) {
    auto calibration =
        ParseCalibration((*file)->bytes(), checkpoint.config(), checkpoint.mask(), checkpoint.revision());
    if (calibration.ok()) return *std::move(calibration);
    failure = calibration.status();
  }
  return errors::In(path, failure);
}

uint64_t HashOf(const Smoothing& smoothing) {
  uint64_t hash = checkpoint::ContentHash(absl::StrFormat("%.9g", smoothing.alpha), 0);
  for (const LayerInputs& layer : smoothing.inputs) {
    for (const Input& input : kInputs) {
      const std::vector<float>& ranges = layer.*input.ranges;
      hash = checkpoint::ContentHash({reinterpret_cast<const std::byte*>(ranges.data()), ranges.size() * sizeof(float)},
                                     hash);
    }
  }
  return hash;
}

}  // namespace roberta::encoder
