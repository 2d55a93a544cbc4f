#include "profiles/tool/evaluation.h"

#include <atomic>
#include <utility>

#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "profiles/errors/errors.h"
#include "profiles/json/strict_json.h"
#include "profiles/machine/cores.h"
#include "profiles/tool/command.h"

namespace roberta::tool {
namespace {

/// What a profile answers, alone and in batches.
struct Answers {
  std::vector<float> batched;  ///< logits [examples, labels]
  std::vector<float> alone;
};

/// Runs profiles over texts.
struct Evaluator {
  const checkpoint::ModelConfig& config;
  const quality::Sample& sample;
  const quality::TokenizedSample& tokenized;
  const size_t threads;
  const std::vector<registry::Recipe>& recipes;
  terminal::ProgressBar& progress;
  const std::unique_ptr<registry::ProfileLoader> loader;

  Evaluations EvaluateAll(const std::vector<std::string>& names) const {
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

  absl::StatusOr<Answers> Run(const std::string& name) const {
    progress.Update(absl::StrCat(name, ": loading"), 0, 0);
    const registry::LoadOutcome outcome = loader->Load({.name = name, .recipe = name}, nullptr);
    if (!outcome.status.ok()) return outcome.status;
    Answers answers;
    RETURN_IF_ERROR(Answer(*outcome.profile, name + ": in batches", quality::kBatchTokens, &answers.batched));
    RETURN_IF_ERROR(Answer(*outcome.profile, name + ": one by one", quality::kAlone, &answers.alone));
    return answers;
  }

  absl::Status Answer(const encoder::Profile& profile, const std::string& stage, size_t batch_tokens,
                      std::vector<float>* logits) const {
    const auto run_all = [&](size_t count, const std::function<void(size_t)>& task) {
      std::atomic<size_t> done{0};
      machine::RunOnThreads(threads, count, [&](size_t i) {
        task(i);
        progress.Update(stage, ++done, count);
      });
    };
    ASSIGN_OR_RETURN(auto run, quality::RunSample(profile, tokenized, labels(), run_all, batch_tokens));
    *logits = std::move(run.logits);
    return absl::OkStatus();
  }

  void Compare(const Answers& answers, const Answers* baseline, Evaluation* evaluation) const {
    const std::vector<float> scores = quality::ScoresOf(answers.batched, config);
    evaluation->examples = sample.size();
    evaluation->flips = quality::CountDifferent(quality::AgreementOf(config), labels(),
                                                quality::ScoresOf(answers.alone, config), scores);
    if (sample.front().label) evaluation->labels = quality::MeasureLabels(scores, sample);
    if (baseline == nullptr) return;
    evaluation->quality = quality::CompareLogits(answers.batched, baseline->batched, sample, config);
    if (evaluation->quality->paired && evaluation->name != registry::kBaseline) {
      evaluation->accuracy_difference = statistics::CompareAccuracies(*evaluation->quality->paired);
    }
    evaluation->gate = quality::CheckGate(registry::FindRecipe(recipes, evaluation->name)->gate, *evaluation->quality);
  }

  size_t labels() const { return static_cast<size_t>(config.num_labels()); }
};

using TableRows = std::vector<std::vector<std::string>>;

constexpr size_t kMostShownLabels = 12;  // a matrix of more is wider than a terminal

std::string CsvValue(const Json& value) {
  if (value.is_null()) return "";
  std::string text = value.is_string() ? value.get<std::string>() : value.dump();
  if (text.find_first_of(",\"\r\n") == std::string::npos) return text;
  for (size_t at = text.find('"'); at != std::string::npos; at = text.find('"', at + 2)) text.insert(at, 1, '"');
  return absl::StrCat("\"", text, "\"");
}

std::string CsvLine(const std::vector<std::string>& values) {
  return absl::StrJoin(values, ",") + "\n";
}

std::string GateText(const Evaluation& evaluation) {
  if (!evaluation.quality) return kNotMeasured;
  return evaluation.gate.ok() ? "passed" : "missed";
}

/// Of a multi-label model the share of texts of which all labels are right.
std::optional<double> AccuracyOf(const Evaluation& evaluation) {
  if (evaluation.labels) return evaluation.labels->accuracy;
  return evaluation.quality ? evaluation.quality->accuracy : std::nullopt;
}

std::vector<std::string> Row(const Evaluation& evaluation) {
  std::vector<std::string> row(9, kNotMeasured);
  row[0] = evaluation.name;
  if (!evaluation.status.ok()) {
    row[8] = "failed";
    return row;
  }
  if (const std::optional<double> accuracy = AccuracyOf(evaluation)) row[1] = PercentText(*accuracy);
  if (evaluation.labels) {
    row[2] = absl::StrFormat("%.4f", evaluation.labels->macro_f1);
    row[7] = absl::StrFormat("%.4f", evaluation.labels->expected_calibration_error);
  }
  if (evaluation.quality) {
    row[3] = PercentText(evaluation.quality->agreement);
    row[5] = absl::StrFormat("%.4f", evaluation.quality->mean_abs_dp);
    row[6] = absl::StrFormat("%.4f", evaluation.quality->max_abs_dp);
  }
  row[4] = absl::StrCat(evaluation.flips);
  row[8] = GateText(evaluation);
  return row;
}

/// How sure the difference between a profile's accuracy and the baseline's is.
std::string DifferenceNote(const Evaluation& evaluation) {
  if (!evaluation.accuracy_difference) return "";
  return absl::StrCat(evaluation.name, ": accuracy compared with baseline: ",
                      statistics::DifferenceText(*evaluation.accuracy_difference), "\n");
}

/// Why a profile failed, or what its gate would say.
const absl::Status& ReasonOf(const Evaluation& evaluation) {
  return evaluation.status.ok() ? evaluation.gate : evaluation.status;
}

std::string Note(const Evaluation& evaluation) {
  const absl::Status& reason = ReasonOf(evaluation);
  if (reason.ok()) return "";
  return absl::StrCat(evaluation.name, ": ", json::Escaped(std::string(reason.message())), "\n");
}

/// A value of something that was measured; null where it was not.
template <typename Measured, typename Value>
Json Of(const std::optional<Measured>& measured, Value Measured::*value) {
  return measured ? Json(*measured.*value) : Json();
}

std::string MatrixText(const Evaluation& evaluation, const std::vector<std::string>& labels) {
  TableRows rows = {{"true \\ answered"}};
  for (const std::string& label : labels) rows[0].push_back(terminal::Shown(json::Escaped(label)));
  for (size_t truth = 0; truth < labels.size(); ++truth) {
    std::vector<std::string>& row = rows.emplace_back();
    row.push_back(rows[0][truth + 1]);
    for (const size_t count : evaluation.labels->confusion[truth]) row.push_back(absl::StrCat(count));
  }
  return absl::StrCat("\n", evaluation.name, "\n", terminal::TableText(rows));
}

}  // namespace

Evaluations Evaluate(const registry::Model& model, const quality::Sample& sample,
                     const quality::TokenizedSample& tokenized, const std::vector<std::string>& names, size_t threads,
                     const std::vector<registry::Recipe>& recipes, terminal::ProgressBar* progress) {
  const Evaluator evaluator = {model.checkpoint->config(),
                               sample,
                               tokenized,
                               threads,
                               recipes,
                               *progress,
                               registry::ProfileLoader::WithoutSample(model, recipes)};
  return evaluator.EvaluateAll(names);
}

Json ToJson(const Evaluation& evaluation) {
  const bool is_ok = evaluation.status.ok();
  const absl::Status& reason = ReasonOf(evaluation);
  const std::optional<quality::Quality>& quality = evaluation.quality;
  const std::optional<quality::LabelMetrics>& labels = evaluation.labels;
  const std::optional<statistics::AccuracyDifference>& difference = evaluation.accuracy_difference;
  const std::optional<double> accuracy = AccuracyOf(evaluation);
  return {{"name", evaluation.name},
          {"status", is_ok ? "ok" : "failed"},
          {"reason", reason.ok() ? Json() : Json(std::string(reason.message()))},
          {"examples", is_ok ? Json(evaluation.examples) : Json()},
          {"accuracy", accuracy ? Json(*accuracy) : Json()},
          {"macro_f1", Of(labels, &quality::LabelMetrics::macro_f1)},
          {"agreement", Of(quality, &quality::Quality::agreement)},
          {"flips", is_ok ? Json(evaluation.flips) : Json()},
          {"mean_abs_dp", Of(quality, &quality::Quality::mean_abs_dp)},
          {"max_abs_dp", Of(quality, &quality::Quality::max_abs_dp)},
          {"ece", Of(labels, &quality::LabelMetrics::expected_calibration_error)},
          {"gate", quality ? Json(GateText(evaluation)) : Json()},
          {"confusion", Of(labels, &quality::LabelMetrics::confusion)},
          {"accuracy_difference", Of(difference, &statistics::AccuracyDifference::difference)},
          {"accuracy_difference_low", difference ? Json(difference->interval.low) : Json()},
          {"accuracy_difference_high", difference ? Json(difference->interval.high) : Json()}};
}

std::string EvaluationCsv(const std::vector<Evaluation>& evaluations) {
  std::string csv;
  for (const Evaluation& evaluation : evaluations) {
    std::vector<std::string> names, values;
    const Json json = ToJson(evaluation);
    for (const auto& [name, value] : json.items()) {
      names.push_back(name);
      values.push_back(CsvValue(value));
    }
    absl::StrAppend(&csv, csv.empty() ? CsvLine(names) : "", CsvLine(values));
  }
  return csv;
}

std::string EvaluationText(const std::vector<Evaluation>& evaluations, const std::vector<std::string>& labels) {
  TableRows rows = {{"profile", "accuracy", "macro F1", "agreement", "flips", "mean |dp|", "max |dp|", "ECE", "gate"}};
  std::string differences, notes, matrices;
  for (const Evaluation& evaluation : evaluations) {
    rows.push_back(Row(evaluation));
    differences += DifferenceNote(evaluation);
    notes += Note(evaluation);
    if (evaluation.labels && labels.size() <= kMostShownLabels) matrices += MatrixText(evaluation, labels);
  }
  return absl::StrCat(terminal::TableText(rows), differences.empty() ? "" : "\n", differences,
                      notes.empty() ? "" : "\n", notes, matrices);
}

}  // namespace roberta::tool
