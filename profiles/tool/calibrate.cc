#include "profiles/tool/command.h"

#include <filesystem>
#include <functional>
#include <system_error>

#include "absl/strings/str_format.h"
#include "profiles/calibrator/calibrator.h"
#include "profiles/checkpoint/checkpoint.h"
#include "profiles/checkpoint/pruning.h"
#include "profiles/encoder/calibration.h"
#include "profiles/errors/errors.h"
#include "profiles/machine/cores.h"
#include "profiles/registry/profile_loader.h"
#include "profiles/terminal/terminal.h"

namespace roberta::tool {
namespace {

using calibrator::Noise;
using calibrator::Outcome;
using calibrator::Removed;
using calibrator::Texts;

/// Of SmoothQuant's alpha: below 1/4 and above 3/4 hardly any model is better off.
const std::vector<float> kStrengths = {0.25f, 0.5f, 0.75f};

struct CalibrateOptions {
  std::string model;
  ExampleFlags data;
  uint32_t texts = 512;
  uint64_t seed = 0;
  bool json = false;
};

/// What came of one checkpoint.
struct Calibrated {
  std::shared_ptr<const checkpoint::Checkpoint> checkpoint;
  Outcome outcome;
  bool had_one = false;  ///< a calibration was there before

  std::string file() const { return absl::StrCat(checkpoint->directory(), "/", encoder::kCalibrationFile); }
};

/// The model's checkpoint and, where it has one, its pruned variant.
absl::StatusOr<std::vector<Calibrated>> OpenCheckpoints(const registry::Model& model) {
  std::vector<Calibrated> opened = {{.checkpoint = model.checkpoint}};
  const auto variant = checkpoint::FindPrunedVariant(model.checkpoint->directory());
  if (variant && model.checkpoint->mask().empty()) {
    ASSIGN_OR_RETURN(auto pruned, registry::OpenVariant(*variant, model));
    opened.push_back({.checkpoint = std::move(pruned)});
  }
  return opened;
}

void RunAll(size_t count, const std::function<void(size_t)>& task) {
  machine::RunOnThreads(machine::ReadCpuBudget().usable(), count, task);
}

absl::Status CalibrateOne(const Texts& texts, Calibrated* calibrated) {
  const std::string stage = "calibrating " + calibrated->checkpoint->directory();
  terminal::ProgressBar progress(stderr);
  progress.Update(stage, 0, 0);
  ASSIGN_OR_RETURN(calibrated->outcome,
                   calibrator::Calibrate(*calibrated->checkpoint, texts, kStrengths, RunAll,
                                         [&](uint64_t done, uint64_t total) { progress.Update(stage, done, total); }));
  std::error_code failure;
  calibrated->had_one = std::filesystem::exists(calibrated->file(), failure);
  if (!calibrated->outcome.best) return absl::OkStatus();
  return encoder::WriteCalibration(calibrated->checkpoint->directory(), *calibrated->outcome.best);
}

Json NoiseJson(const Noise& noise) {
  return {
      {"mean_abs_dlogit", noise.mean_abs_dlogit}, {"mean_abs_dp", noise.mean_abs_dp}, {"agreement", noise.agreement}};
}

Json ToJson(const Calibrated& calibrated) {
  const Outcome& outcome = calibrated.outcome;
  Json trials = Json::array();
  for (const calibrator::Trial& trial : outcome.trials) {
    Json one = {{"alpha", trial.alpha}};
    one.update(NoiseJson(trial.noise));
    one["removed"] = Removed(outcome.before, trial.noise);
    trials.push_back(std::move(one));
  }
  Json report = {{"directory", calibrated.checkpoint->directory()},
                 {"revision", calibrated.checkpoint->revision()},
                 {"profile", outcome.profile},
                 {"before", NoiseJson(outcome.before)},
                 {"trials", std::move(trials)},
                 {"alpha", nullptr},
                 {"stored", nullptr}};
  if (outcome.best) {
    report["alpha"] = outcome.best->smoothing.alpha;
    report["stored"] = calibrated.file();
  }
  return report;
}

std::string JsonReport(const CalibrateOptions& options, const Texts& texts, const std::vector<Calibrated>& all) {
  Json report = {{"data", options.data.file},
                 {"seed", options.seed},
                 {"texts_hash", texts.measured_hash},
                 {"measured_texts", texts.measured.lengths.size()},
                 {"held_out_texts", texts.held_out.lengths.size()},
                 {"checkpoints", Json::array()}};
  for (const Calibrated& one : all) report["checkpoints"].push_back(ToJson(one));
  return JsonText(report);
}

std::vector<std::string> Row(const std::string& strength, const Noise& noise, const std::string& removed) {
  return {strength, absl::StrFormat("%.4f", noise.mean_abs_dlogit), absl::StrFormat("%.4f", noise.mean_abs_dp),
          PercentText(noise.agreement), removed};
}

/// What was done about the file.
std::string Conclusion(const Calibrated& calibrated) {
  const std::string file = calibrated.file();
  if (!calibrated.outcome.best) {
    return absl::StrCat("No strength removes noise: nothing is stored",
                        calibrated.had_one ? absl::StrCat(", and ", file, " stays as it was") : "");
  }
  return absl::StrFormat("Stored in %s: alpha %.2f", file, calibrated.outcome.best->smoothing.alpha);
}

std::string TextReport(const Texts& texts, const std::vector<Calibrated>& all) {
  std::string report;
  for (const Calibrated& one : all) {
    const Outcome& outcome = one.outcome;
    std::vector<std::vector<std::string>> rows = {{"alpha", "mean |dlogit|", "mean |dp|", "agreement", "noise removed"},
                                                  Row("none", outcome.before, "")};
    for (const calibrator::Trial& trial : outcome.trials) {
      rows.push_back(Row(absl::StrFormat("%.2f", trial.alpha), trial.noise,
                         absl::StrFormat("%.1f %%", 100 * Removed(outcome.before, trial.noise))));
    }
    absl::StrAppend(&report, report.empty() ? "" : "\n\n", one.checkpoint->directory(), ": ", outcome.profile,
                    " against fp32 on ", texts.held_out.lengths.size(), " texts held out, ranges measured on ",
                    texts.measured.lengths.size(), " others\n", terminal::TableText(rows), Conclusion(one));
  }
  return report;
}

absl::StatusOr<Report> CalibrateAll(const CalibrateOptions& options) {
  ASSIGN_OR_RETURN(const auto model, registry::OpenModel(options.model));
  ASSIGN_OR_RETURN(auto checkpoints, OpenCheckpoints(model));
  const checkpoint::ModelConfig& config = model.checkpoint->config();
  ASSIGN_OR_RETURN(const auto data, ReadExamples(options.data, config, /*with_labels=*/false));
  const auto texts = calibrator::DrawTexts(data.sample, options.texts, options.seed, *model.tokenizer, config);
  if (!texts.ok()) return errors::In(options.data.file, texts.status());
  for (Calibrated& one : checkpoints) {
    RETURN_IF_ERROR(CalibrateOne(*texts, &one));
  }
  return Report{.text = options.json ? JsonReport(options, *texts, checkpoints) : TextReport(*texts, checkpoints)};
}

void DeclareCalibrateOptions(CLI::App* command, CalibrateOptions* options) {
  AddModelOption(command, &options->model);
  AddExampleFlags(command, "Texts like those to be served; labels are not needed", &options->data);
  AddNumber(command, "--texts", "Most texts to use", 2u, 1u << 20, &options->texts);
  command->add_option("--seed", options->seed, "Seed by which they are drawn (0)")->type_name("N");
  AddJsonFlag(command, &options->json);
  command->footer(absl::StrCat(
      R"(Half of the texts are run in fp32, and the ranges of every product's inputs noted (SmoothQuant). On the other half the
noise of int8 is measured, without them and with three strengths (alpha). The best is stored in the checkpoint's
directory as calibration.safetensors, which profiles quantized and integrated then read when they are loaded. Where none
is better than none at all, nothing is stored. A pruned variant, DIR/pruned, is done too, with a file of its own.
After a change of the checkpoint, calibrate again: a file of another revision fails these profiles.

)",
      ExampleFormatsHelp(),
      R"(
Examples:
  roberta-model calibrate --model my-model --data texts.tsv
  roberta-model calibrate --model my-model/pruned --data texts.jsonl --texts 256 --json)"));
}

}  // namespace

void AddCalibrate(CLI::App* app, int* exit_code) {
  AddCommand(app, exit_code, "calibrate", "Measures on texts how int8 profiles lose less, and stores it",
             DeclareCalibrateOptions, CalibrateAll);
}

}  // namespace roberta::tool
