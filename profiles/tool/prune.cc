#include "profiles/tool/command.h"

#include <algorithm>
#include <filesystem>
#include <functional>
#include <limits>
#include <map>
#include <optional>
#include <system_error>

#include "absl/strings/numbers.h"
#include "absl/strings/str_format.h"
#include "profiles/checkpoint/checkpoint.h"
#include "profiles/checkpoint/files.h"
#include "profiles/checkpoint/pruning.h"
#include "profiles/errors/errors.h"
#include "profiles/libtorch/libtorch.h"
#include "profiles/machine/cores.h"
#include "profiles/pruned/pruned.h"
#include "profiles/pruner/prune.h"
#include "profiles/registry/profile_loader.h"
#include "profiles/terminal/terminal.h"
#include "profiles/tool/findings.h"

namespace roberta::tool {
namespace {

namespace fs = std::filesystem;
using checkpoint::Checkpoint;
using pruner::Budget;
using pruner::Method;
using pruner::Pruned;

const std::map<std::string, Method> kMethods = {{"second-order", Method::kSecondOrder},
                                                {"fisher", Method::kFisher},
                                                {"magnitude", Method::kMagnitude},
                                                {"random", Method::kRandom}};

struct PruneFlags {
  std::string model;
  ExampleFlags data;
  std::optional<double> keep_macs, target_speedup, max_drop;
  std::string out;
  std::string dense;  ///< directory; empty: none
  std::string method = "second-order";
  bool no_refit = false;
  uint32_t texts = 2048;
  uint32_t held_out = 2048;
  uint64_t seed = 0;
  size_t threads = 0;
  bool json = false;

  Budget budget() const {
    if (target_speedup) return {Budget::Kind::kTargetSpeedup, *target_speedup};
    if (max_drop) return {Budget::Kind::kMaxDrop, *max_drop};
    return {Budget::Kind::kKeepMacs, keep_macs.value_or(0)};
  }
};

/// Multiply-accumulates of the encoder's linear layers for a token, and parameters of the whole model.
struct Size {
  int64_t macs = 0;
  int64_t parameters = 0;
};

struct PruneResult {
  registry::Model model;
  size_t skipped_rows = 0;
  std::string data_hash;
  Pruned pruned;
  Size before, after;
};

Size SizeOf(const checkpoint::ModelConfig& config, const checkpoint::PruningMask& mask) {
  return {.macs = CountMacs(config, mask).linear, .parameters = CountParameters(config, mask)};
}

/// Fails now rather than after the work where the directory cannot be made or is not empty. What it makes to find out
/// goes again, with all above it that was not there.
absl::Status CheckNewDirectory(const std::string& directory) {
  std::error_code failure, ignored;
  std::vector<fs::path> missing;  // the deepest first
  for (fs::path path = fs::absolute(directory, failure); path.has_relative_path() && !fs::exists(path, ignored);
       path = path.parent_path()) {
    missing.push_back(path);
  }
  fs::create_directories(directory, failure);
  absl::Status status;
  if (failure) {
    status = absl::UnavailableError(absl::StrCat(directory, ": cannot create: ", failure.message()));
  } else if (!fs::is_empty(directory, failure) || failure) {
    status = absl::AlreadyExistsError(absl::StrCat(directory, ": is not empty; name a new directory"));
  }
  for (const fs::path& path : missing) fs::remove(path, ignored);
  return status;
}

/// Fails now rather than after the work where saving OUT would leave no new directory for the dense checkpoint.
absl::Status CheckApart(const std::string& out, const std::string& dense) {
  std::error_code failure;
  const auto plain = [&](const std::string& path) {
    return (fs::weakly_canonical(fs::absolute(path, failure), failure) / "").lexically_normal().parent_path();
  };
  const fs::path from_dense = plain(out).lexically_relative(plain(dense));
  if (from_dense.empty() || *from_dense.begin() == "..") return absl::OkStatus();
  return errors::InvalidArgument(dense, ": is where ", out, " goes; name another directory");
}

/// What pruning.json says beside the masks.
Json Details(const PruneFlags& flags, const PruneResult& result) {
  const Pruned& pruned = result.pruned;
  const quality::Quality& quality = pruned.quality;
  Json details = {
      {"method", flags.method},
      {"refit", pruned.refitted},
      {"seed", flags.seed},
      {"data",
       {{"file", fs::path(flags.data.file).filename().string()}, {"hash", result.data_hash}, {"texts", pruned.texts}}},
      {"macs", {{"before", result.before.macs}, {"after", result.after.macs}}},
      {"parameters", {{"before", result.before.parameters}, {"after", result.after.parameters}}}};
  if (quality.accuracy) {
    details["accuracy"] = {
        {"before", *quality.baseline_accuracy}, {"after", *quality.accuracy}, {"examples", quality.examples}};
  }
  details["agreement"] = quality.agreement;
  return details;
}

std::string PruningText(const PruneFlags& flags, const PruneResult& result) {
  Json file = Json::parse(checkpoint::PruningJson(result.pruned.mask));
  Json layers = std::move(file["layers"]);
  file.erase("layers");
  file.update(Details(flags, result));
  file["layers"] = std::move(layers);
  return file.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n";
}

absl::Status Save(const PruneFlags& flags, const PruneResult& result) {
  const Checkpoint& dense = *result.model.checkpoint;
  ASSIGN_OR_RETURN(const auto config, checkpoint::ReadConfigText(dense.directory()));
  ASSIGN_OR_RETURN(const auto tensors, pruned::PrunedTensors(dense, result.pruned.mask, result.pruned.tensors));
  RETURN_IF_ERROR(pruned::SaveConverted(flags.out, dense, config, PruningText(flags, result), tensors));
  if (flags.dense.empty()) return absl::OkStatus();
  ASSIGN_OR_RETURN(const auto pruned, Checkpoint::Open(flags.out));
  return pruned::SaveConverted(flags.dense, dense, config, "", pruned::DenseTensors(*pruned));
}

absl::StatusOr<PruneResult> PruneAndSave(const PruneFlags& flags) {
  PruneResult result;
  ASSIGN_OR_RETURN(result.model, registry::OpenModel(flags.model));
  const Checkpoint& checkpoint = *result.model.checkpoint;
  const checkpoint::ModelConfig& config = checkpoint.config();
  RETURN_IF_ERROR(CheckNewDirectory(flags.out));
  if (!flags.dense.empty()) {
    RETURN_IF_ERROR(CheckNewDirectory(flags.dense));
    RETURN_IF_ERROR(CheckApart(flags.out, flags.dense));
  }
  ASSIGN_OR_RETURN(const auto module, libtorch::LoadModule());
  ASSIGN_OR_RETURN(const auto data, ReadExamples(flags.data, config, /*with_labels=*/true));
  result.skipped_rows = data.bad_rows;
  ASSIGN_OR_RETURN(const auto tokenized, quality::Tokenize(data.sample, *result.model.tokenizer, config));
  result.data_hash = absl::StrCat(absl::Hex(quality::HashOf(tokenized), absl::kZeroPad16));
  terminal::ProgressBar progress(stderr);
  const pruner::PruneOptions options = {.method = kMethods.at(flags.method),
                                        .budget = flags.budget(),
                                        .refit = !flags.no_refit,
                                        .most_texts = flags.texts,
                                        .most_held_out = flags.held_out,
                                        .seed = flags.seed};
  ASSIGN_OR_RETURN(result.pruned,
                   module->prune(
                       checkpoint, data.sample, tokenized, options,
                       [&](size_t count, const std::function<void(size_t)>& task) {
                         machine::RunOnThreads(flags.threads, count, task);
                       },
                       [&](std::string_view step, size_t done, size_t total) { progress.Update(step, done, total); }));
  checkpoint.ReleasePages();
  checkpoint::ReturnFreeMemory();  // all that the search held: saving maps the checkpoint again
  result.before = SizeOf(config, {});
  result.after = SizeOf(config, result.pruned.mask);
  progress.Update("saving", 0, 0);
  RETURN_IF_ERROR(Save(flags, result));
  return result;
}

std::string JsonReport(const PruneFlags& flags, const PruneResult& result) {
  const Pruned& pruned = result.pruned;
  Json report = {{"model", flags.model}, {"out", flags.out}};
  report["dense"] = flags.dense.empty() ? Json() : Json(flags.dense);
  report.update(Details(flags, result));
  report.update({{"kept_macs", pruned.kept_macs},
                 {"speedup", pruned.speedup},
                 {"held_out_texts", pruned.quality.examples},
                 {"mean_abs_dp", pruned.quality.mean_abs_dp},
                 {"max_abs_dp", pruned.quality.max_abs_dp},
                 {"skipped_rows", result.skipped_rows},
                 {"layers", Json::array()},
                 {"tries", Json::array()}});
  for (const checkpoint::LayerMask& layer : pruned.mask) {
    report["layers"].push_back({{"heads", layer.heads.size()}, {"neurons", layer.neurons.size()}});
  }
  const char* found = flags.max_drop ? "drop_points" : "speedup";
  for (const pruner::Try& one : pruned.tries) {
    report["tries"].push_back({{"kept_macs", one.kept_macs}, {found, one.found}});
  }
  return JsonText(report);
}

std::string Share(int64_t after, int64_t before) {
  return absl::StrFormat("%.1f %%", 100 * static_cast<double>(after) / static_cast<double>(before));
}

std::string TextReport(const PruneFlags& flags, const PruneResult& result) {
  const Pruned& pruned = result.pruned;
  const quality::Quality& quality = pruned.quality;
  const checkpoint::ModelConfig& config = result.model.checkpoint->config();
  std::string text = absl::StrCat(flags.out, ": ", flags.method, pruned.refitted ? ", refitted" : ", not refitted",
                                  ", learned from ", terminal::WithSeparators(pruned.texts), " texts\n");
  if (!flags.no_refit && !pruned.refitted) text += "  the refit brought no answer closer to the dense model's\n";
  absl::StrAppend(&text, "  MACs a token  ", CountText(result.before.macs), " -> ", CountText(result.after.macs), " (",
                  Share(result.after.macs, result.before.macs), ")\n");
  absl::StrAppend(&text, "  parameters    ", CountText(result.before.parameters), " -> ",
                  CountText(result.after.parameters), " (", Share(result.after.parameters, result.before.parameters),
                  ")\n");
  absl::StrAppendFormat(&text,
                        "  speed         %.2f x, measured here in fp32 on one thread; the MACs saved are %.2f x\n",
                        pruned.speedup, 1 / std::max(pruned.kept_macs, 1e-9));
  absl::StrAppend(&text, "  held out      ", quality::QualityText(quality), "\n");
  for (size_t i = 0; i < pruned.mask.size(); ++i) {
    absl::StrAppendFormat(&text, "  layer %-2d      %d of %d heads, %d of %d neurons\n", i, pruned.mask[i].heads.size(),
                          config.num_attention_heads, pruned.mask[i].neurons.size(), config.intermediate_size);
  }
  for (const pruner::Try& one : pruned.tries) {
    absl::StrAppendFormat(&text, "  tried         %.1f %% of the MACs: %.2f %s\n", 100 * one.kept_macs, one.found,
                          flags.max_drop ? "points lost" : "x");
  }
  return text;
}

absl::StatusOr<Report> RunPrune(const PruneFlags& flags) {
  ASSIGN_OR_RETURN(const auto result, PruneAndSave(flags));
  return Report{.text = flags.json ? JsonReport(flags, result) : TextReport(flags, result)};
}

/// Refuses what is not from `least` to `most` (nor a number: CLI::Range lets that pass).
std::function<std::string(const std::string&)> Between(double least, double most, const char* range) {
  return [=](const std::string& text) {
    double value = 0;
    const bool is_in = absl::SimpleAtod(text, &value) && value >= least && value <= most;
    return is_in ? "" : absl::StrCat("is ", text, "; it must be ", range);
  };
}

void AddBudget(CLI::App* command, PruneFlags* flags) {
  const double more_than_nothing = std::numeric_limits<double>::min(), finite = std::numeric_limits<double>::max();
  CLI::Option_group* budget = command->add_option_group("How much goes (one of)");
  budget
      ->add_option("--keep-macs", flags->keep_macs,
                   "Share of the encoder's multiply-accumulates that stays: 0.67 leaves out a third")
      ->check(Between(more_than_nothing, 1, "above 0 and at most 1"), "")
      ->type_name("SHARE");
  budget->add_option("--target-speedup", flags->target_speedup, "Times as fast as now, measured on this host")
      ->check(Between(1, finite, "1 or more"), "")
      ->type_name("X");
  budget
      ->add_option("--max-drop", flags->max_drop,
                   "Most points of accuracy to lose on texts held out; as much as that allows goes")
      ->check(Between(0, 100, "0 to 100"), "")
      ->type_name("POINTS");
  budget->require_option(1);
}

void DeclarePruneOptions(CLI::App* command, PruneFlags* flags) {
  AddModelOption(command, &flags->model, "Dense checkpoint directory");
  AddExampleFlags(command, "Texts like those to be served, best with labels, best those it was trained on",
                  &flags->data);
  AddBudget(command, flags);
  command->add_option("--out", flags->out, "Directory for the pruned checkpoint, new or empty")
      ->required()
      ->type_name("DIR");
  const CLI::Option* const dense =
      command
          ->add_option("--dense", flags->dense,
                       "Also save it as a dense checkpoint with zeros, which other tools read (OUT/dense)")
          ->expected(0, 1)
          ->type_name("[DIR]");
  command->add_option("--method", flags->method, "second-order, or to compare with: fisher, magnitude, random")
      ->check(CLI::IsMember({"second-order", "fisher", "magnitude", "random"}).description(""))
      ->type_name("METHOD")
      ->default_str("second-order");
  command->add_flag("--no-refit", flags->no_refit, "Leave the weights that stay as they are");
  AddNumber(command, "--texts", "Most texts to learn from", 16u, 1u << 20, &flags->texts);
  AddNumber(command, "--held-out", "Most texts to measure the loss on, of a quarter of them all", 16u, 1u << 20,
            &flags->held_out);
  command->add_option("--seed", flags->seed, "Seed by which texts are drawn (0)")->type_name("N");
  AddThreads(command, &flags->threads);
  AddJsonFlag(command, &flags->json);
  command->footer(absl::StrCat(
      R"(Nothing is trained. Gradients on the texts show which heads and neurons the answers depend on, least squares let
the rest stand in for what is gone, and texts that neither has seen show what it cost. Labels are needed for --max-drop and
for knowing the accuracy. The same seed, texts and checkpoint give the same result. Nothing is written before all is
done, so it can be interrupted at any time. OUT holds config.json, the vocabulary, model.safetensors with narrower layers,
and pruning.json, which says what was left out and how. As MODEL/pruned it is what the profiles pruned and integrated of
that model read.

)",
      ExampleFormatsHelp(),
      R"(
Examples:
  roberta-model prune --model my-model --data train.tsv --keep-macs 0.5 --out my-model/pruned
  roberta-model prune --model my-model --data train.tsv --target-speedup 1.5 --out /tmp/fast --dense /tmp/dense
  roberta-model prune --model my-model --data train.jsonl --max-drop 0.5 --out /tmp/small --json)"));
  command->parse_complete_callback([flags, dense] {
    if (dense->count() > 0 && flags->dense.empty()) flags->dense = absl::StrCat(flags->out, "/dense");
  });
}

}  // namespace

void AddPrune(CLI::App* app, int* exit_code) {
  AddCommand(app, exit_code, "prune", "Leaves out heads and neurons that a model can do without, and saves what stays",
             DeclarePruneOptions, RunPrune);
}

}  // namespace roberta::tool
