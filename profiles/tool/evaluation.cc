#include "profiles/tool/evaluation.h"

#include <atomic>
#include <utility>

#include "absl/strings/str_cat.h"
#include "profiles/cores/run_on_threads.h"
#include "profiles/quality/probabilities.h"
#include "profiles/registry/profile_loader.h"

namespace roberta::tool {
namespace {

/// What a profile answers, alone and in batches.
struct Answers {
  std::vector<float> batched;  ///< logits [examples, labels]
  std::vector<float> alone;
};

class Evaluator {
 public:
  Evaluator(const registry::Model& model, const quality::Sample& sample, const quality::TokenizedSample& tokenized,
            size_t threads, const std::vector<registry::Recipe>& recipes, terminal::ProgressBar* progress)
      : config_(model.checkpoint->config()),
        sample_(sample),
        tokenized_(tokenized),
        threads_(threads),
        recipes_(recipes),
        progress_(*progress),
        loader_(registry::ProfileLoader::WithoutSample(model, recipes)) {}

  Evaluations EvaluateAll(const std::vector<std::string>& names) {
    const auto baseline = Run(registry::kBaseline);
    Evaluations evaluations = {.baseline = baseline.status(), .profiles = {}};
    for (const std::string& name : names) {
      const auto answers = name == registry::kBaseline ? baseline : Run(name);
      Evaluation& evaluation = evaluations.profiles.emplace_back();
      evaluation.name = name;
      evaluation.status = answers.status();
      if (answers.ok()) Compare(*answers, baseline.ok() ? &*baseline : nullptr, &evaluation);
    }
    return evaluations;
  }

 private:
  absl::StatusOr<Answers> Run(const std::string& name) {
    progress_.Update(absl::StrCat(name, ": loading"), 0, 0);
    const registry::LoadOutcome outcome = loader_->Load({.name = name, .recipe = name}, nullptr);
    if (!outcome.status.ok()) return outcome.status;
    Answers answers;
    absl::Status status = Answer(*outcome.profile, name + ": in batches", quality::kBatchTokens, &answers.batched);
    if (status.ok()) status = Answer(*outcome.profile, name + ": one by one", quality::kAlone, &answers.alone);
    if (!status.ok()) return status;
    return answers;
  }

  absl::Status Answer(const encoder::Profile& profile, const std::string& stage, size_t batch_tokens,
                      std::vector<float>* logits) {
    const auto run_all = [&](size_t count, const std::function<void(size_t)>& task) {
      std::atomic<size_t> done{0};
      cores::RunOnThreads(threads_, count, [&](size_t i) {
        task(i);
        progress_.Update(stage, ++done, count);
      });
    };
    auto run = quality::RunSample(profile, tokenized_, labels(), run_all, batch_tokens);
    if (!run.ok()) return run.status();
    *logits = std::move(run->logits);
    return absl::OkStatus();
  }

  void Compare(const Answers& answers, const Answers* baseline, Evaluation* evaluation) const {
    const std::vector<float> scores = quality::ScoresOf(answers.batched, config_);
    evaluation->examples = sample_.size();
    evaluation->flips = quality::CountDifferent(quality::AgreementOf(config_), labels(),
                                                quality::ScoresOf(answers.alone, config_), scores);
    if (sample_.front().label) evaluation->labels = quality::MeasureLabels(scores, sample_);
    if (baseline == nullptr) return;
    evaluation->quality = quality::CompareLogits(answers.batched, baseline->batched, sample_, config_);
    if (evaluation->quality->paired && evaluation->name != registry::kBaseline) {
      evaluation->accuracy_difference = statistics::CompareAccuracies(*evaluation->quality->paired);
    }
    evaluation->gate = quality::CheckGate(registry::FindRecipe(recipes_, evaluation->name)->gate, *evaluation->quality);
  }

  size_t labels() const { return static_cast<size_t>(config_.num_labels()); }

  const checkpoint::ModelConfig& config_;
  const quality::Sample& sample_;
  const quality::TokenizedSample& tokenized_;
  const size_t threads_;
  const std::vector<registry::Recipe>& recipes_;
  terminal::ProgressBar& progress_;
  const std::unique_ptr<registry::ProfileLoader> loader_;
};

}  // namespace

Evaluations Evaluate(const registry::Model& model, const quality::Sample& sample,
                     const quality::TokenizedSample& tokenized, const std::vector<std::string>& names, size_t threads,
                     const std::vector<registry::Recipe>& recipes, terminal::ProgressBar* progress) {
  return Evaluator(model, sample, tokenized, threads, recipes, progress).EvaluateAll(names);
}

}  // namespace roberta::tool
