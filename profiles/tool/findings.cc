#include "profiles/tool/findings.h"

#include <utility>

#include "profiles/checkpoint/tensor.h"
#include "profiles/checkpoint/tensor_table.h"
#include "profiles/errors/errors.h"
#include "profiles/json/strict_json.h"
#include "profiles/pruned/pruned.h"
#include "profiles/quality/sample.h"
#include "profiles/registry/profile_loader.h"
#include "profiles/registry/recipes.h"
#include "profiles/tokenizer/tokenizer.h"

namespace roberta::tool {
namespace {

using checkpoint::Checkpoint;
using checkpoint::ModelConfig;
using checkpoint::PruningMask;
using checkpoint::TensorSpec;

/// Adds an error of `path`, whose message may begin with that or with a file in it.
void AddProblem(const std::string& path, const absl::Status& status, Findings* findings) {
  std::string text(status.message()), file = path;
  const size_t colon = text.find(": ");
  if (text.starts_with(path) && colon != std::string::npos) {
    file = text.substr(0, colon);
    text = text.substr(colon + 2);
  }
  findings->problems.push_back({std::move(file), std::move(text), status.code()});
}

std::shared_ptr<const tokenizer::Tokenizer> ReadVocabulary(Findings* findings) {
  auto tokenizer = tokenizer::Tokenizer::Load(findings->directory);
  if (!tokenizer.ok()) {
    findings->problems.push_back(
        {findings->directory, std::string(tokenizer.status().message()), tokenizer.status().code()});
    return nullptr;
  }
  findings->vocabulary_tokens = (*tokenizer)->vocabulary_size();
  findings->tokenizer_notes = (*tokenizer)->notes();
  return *std::move(tokenizer);
}

void CheckVocabularySize(const tokenizer::Tokenizer& tokenizer, Findings* findings) {
  const int64_t vocab_size = findings->model.checkpoint->config().vocab_size;
  if (tokenizer.largest_id() < vocab_size) return;
  findings->problems.push_back(
      {findings->directory + "/config.json",
       absl::StrCat("field \"vocab_size\" is ", vocab_size, ", but token ",
                    json::Quoted(tokenizer.TokenText(tokenizer.largest_id())), " has id ", tokenizer.largest_id())});
}

/// Reads what lies beside the weights.
void ReadCompanions(Examined* examined, Findings* findings) {
  const std::string& directory = examined->checkpoint->directory();
  auto calibration = encoder::ReadCalibration(*examined->checkpoint);
  if (calibration.ok()) {
    examined->calibration = *std::move(calibration);
  } else {
    AddProblem(absl::StrCat(directory, "/", encoder::kCalibrationFile), calibration.status(), findings);
  }
  if (examined->checkpoint->mask().empty()) return;
  auto record = checkpoint::ReadPruningRecord(directory);
  if (record.ok()) examined->pruning = *std::move(record);
}

/// The sample that profiles are compared on, as a server reads it.
void ReadSample(Findings* findings) {
  const std::string file = absl::StrCat(findings->directory, "/", quality::kSampleFile);
  std::string warning;
  const auto sample = quality::ReadSample(file, findings->model.checkpoint->config(), &warning);
  if (sample.ok()) {
    findings->sample = absl::StrCat(sample->size(), " texts", quality::HasLabels(*sample) ? " with labels" : "",
                                    warning.empty() ? "" : ": ", warning);
  } else if (!absl::IsNotFound(sample.status())) {
    AddProblem(file, sample.status(), findings);
  }
}

/// The pruned variant of a dense model, as profiles open it.
void OpenVariant(std::shared_ptr<const tokenizer::Tokenizer> tokenizer, Findings* findings) {
  if (!findings->model.checkpoint->mask().empty()) return;
  const auto directory = checkpoint::FindPrunedVariant(findings->directory);
  if (!directory) return;
  auto opened = registry::OpenVariant(*directory, {findings->model.checkpoint, std::move(tokenizer)});
  if (!opened.ok()) return AddProblem(*directory, opened.status(), findings);
  findings->variant = {.checkpoint = *std::move(opened)};
  ReadCompanions(&*findings->variant, findings);
}

}  // namespace

Macs CountMacs(const ModelConfig& config, const PruningMask& mask) {
  Macs macs;
  for (const TensorSpec& spec : checkpoint::ExpectedTensors(config, mask)) {
    if (!spec.is_encoder_matrix()) continue;
    macs.linear += spec.elements();
    // The context that attention.output reads is as wide as the queries and keys that make it.
    if (spec.pruned_part == checkpoint::PrunedPart::kHeadColumns) macs.attention += 2 * spec.shape[1];
  }
  return macs;
}

int64_t CountParameters(const ModelConfig& config, const PruningMask& mask) {
  int64_t parameters = 0;
  for (const TensorSpec& spec : checkpoint::ExpectedTensors(config, mask)) parameters += spec.elements();
  return parameters;
}

absl::StatusOr<std::vector<ProfileWeight>> WeighProfiles(const Checkpoint& model, const Checkpoint* variant) {
  const Checkpoint& small = variant == nullptr ? model : *variant;
  PruningMask kept = small.mask();
  if (kept.empty()) {
    ASSIGN_OR_RETURN(kept, pruned::MaskFor(small, registry::kKeepMacs));
  }
  std::vector<ProfileWeight> weights;
  for (const registry::Recipe& recipe : registry::BuiltInRecipes()) {
    const Checkpoint& checkpoint = recipe.prunes ? small : model;
    const PruningMask& mask = recipe.prunes ? kept : model.mask();
    const registry::WeightBytes bytes = registry::WeighProfile(recipe, checkpoint, mask);
    weights.push_back({recipe.name, bytes.packed + bytes.mapped});
  }
  return weights;
}

Findings Examine(const std::string& directory) {
  Findings findings = {.directory = directory};
  findings.model.checkpoint = Checkpoint::Open(directory, &findings.problems);
  const auto tokenizer = ReadVocabulary(&findings);
  if (findings.model.checkpoint == nullptr) return findings;
  if (tokenizer != nullptr) CheckVocabularySize(*tokenizer, &findings);
  ReadCompanions(&findings.model, &findings);
  ReadSample(&findings);
  if (tokenizer != nullptr) OpenVariant(tokenizer, &findings);
  auto weights =
      WeighProfiles(*findings.model.checkpoint, findings.variant ? findings.variant->checkpoint.get() : nullptr);
  if (weights.ok()) {
    findings.weights = *std::move(weights);
  } else {
    AddProblem(directory, weights.status(), &findings);
  }
  return findings;
}

}  // namespace roberta::tool
