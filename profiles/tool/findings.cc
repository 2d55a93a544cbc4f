#include "profiles/tool/findings.h"

#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "profiles/registry/model.h"
#include "profiles/tokenizer/tokenizer.h"

namespace roberta::tool {
namespace {

using checkpoint::Checkpoint;

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
  return *std::move(tokenizer);
}

void CheckVocabularySize(Findings* findings) {
  const int64_t vocab_size = findings->model.checkpoint->config().vocab_size;
  if (findings->vocabulary_tokens <= static_cast<uint64_t>(vocab_size)) return;
  findings->problems.push_back({findings->directory + "/config.json",
                                absl::StrCat("field \"vocab_size\" is ", vocab_size,
                                             ", but the vocabulary has ids up to ", findings->vocabulary_tokens - 1)});
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

Findings Examine(const std::string& directory) {
  Findings findings = {.directory = directory};
  findings.model.checkpoint = Checkpoint::Open(directory, &findings.problems);
  const auto tokenizer = ReadVocabulary(&findings);
  if (findings.model.checkpoint == nullptr) return findings;
  CheckVocabularySize(&findings);
  ReadCompanions(&findings.model, &findings);
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
