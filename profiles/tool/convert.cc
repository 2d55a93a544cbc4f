#include "profiles/tool/command.h"

#include <filesystem>
#include <list>
#include <map>
#include <system_error>

#include "profiles/checkpoint/checkpoint.h"
#include "profiles/checkpoint/pruning.h"
#include "profiles/checkpoint/save.h"
#include "profiles/checkpoint/tensor.h"
#include "profiles/errors/errors.h"
#include "profiles/pruned/pruned.h"
#include "profiles/terminal/terminal.h"

namespace roberta::tool {
namespace {

using checkpoint::Checkpoint;
using checkpoint::Dtype;
using checkpoint::TensorView;

const std::map<std::string, Dtype> kDtypes = {{"fp16", Dtype::kF16}, {"bf16", Dtype::kBF16}, {"fp32", Dtype::kF32}};

struct ConvertOptions {
  std::string model;
  std::string out;
  std::string dtype;  ///< a key of kDtypes; empty: as it is
  bool dense = false;
};

/// Rounds the values of all tensors, whose bytes are kept in `*storage` from then on.
absl::Status ConvertAll(Dtype dtype, std::vector<TensorView>* tensors, std::list<std::vector<std::byte>>* storage) {
  for (TensorView& tensor : *tensors) {
    ASSIGN_OR_RETURN(auto converted, checkpoint::ConvertValues(tensor, dtype));
    storage->push_back(std::move(converted));
    tensor.data = storage->back();
    tensor.dtype = dtype;
  }
  return absl::OkStatus();
}

absl::Status Convert(const Checkpoint& from, const ConvertOptions& options) {
  if (options.dense && from.mask().empty()) {
    return errors::InvalidArgument(from.directory(), ": is dense already: it has no pruning.json");
  }
  ASSIGN_OR_RETURN(auto config, checkpoint::ReadConfigText(from.directory()));
  const bool stays_pruned = !from.mask().empty() && !options.dense;
  ASSIGN_OR_RETURN(const auto pruning,
                   stays_pruned ? checkpoint::ReadPruningText(from.directory()) : absl::StatusOr<std::string>(""));
  pruned::ConvertedTensors converted;
  if (options.dense) {
    converted = pruned::DenseTensors(from);
  } else {
    converted.tensors.assign(from.tensors().begin(), from.tensors().end());
  }
  if (!options.dtype.empty()) {
    const Dtype dtype = kDtypes.at(options.dtype);
    const absl::Status status = ConvertAll(dtype, &converted.tensors, &converted.storage);
    if (!status.ok()) return errors::In(from.directory(), status);
    config = checkpoint::WithTorchDtype(config, dtype);
  }
  return pruned::SaveConverted(options.out, from, config, pruning, converted);
}

absl::StatusOr<Report> OpenAndConvert(const ConvertOptions& options) {
  std::error_code failure;
  if (std::filesystem::equivalent(options.out, options.model, failure)) {
    return errors::InvalidArgument(options.out, ": is the checkpoint itself; name a new directory");
  }
  ASSIGN_OR_RETURN(const auto from, Checkpoint::Open(options.model));
  RETURN_IF_ERROR(Convert(*from, options));
  ASSIGN_OR_RETURN(const auto made, Checkpoint::Open(options.out));
  return Report{.text = absl::StrCat(options.out, ": revision ", made->revision(), ", ",
                                     terminal::WithSeparators(made->bytes_on_disk()), " bytes of weights (",
                                     terminal::WithSeparators(from->bytes_on_disk()), " before)")};
}

void DeclareConvertOptions(CLI::App* command, ConvertOptions* options) {
  AddModelOption(command, &options->model);
  command->add_option("--out", options->out, "Directory to write, new or empty")->required()->type_name("DIR");
  command
      ->add_option("--dtype", options->dtype, "Data type of all weights: fp16, bf16 or fp32; as they are if not given")
      ->check(CLI::IsMember({"fp16", "bf16", "fp32"}).description(""))
      ->type_name("TYPE");
  command->add_flag("--dense", options->dense, "Of a pruned checkpoint: zeros for what is pruned");
  command->footer(
      R"(The new directory has one model.safetensors, whatever shards there were, with the tensors that the model uses; config.json
with its torch_dtype; and the vocabulary, sample.tsv and, unless --dense, pruning.json as they were. A pruned variant and a
calibration in DIR are not taken along: convert DIR/pruned by itself, and calibrate what comes out.

Values are rounded to nearest, ties to even. One that the new type cannot hold is an error, and nothing is written.
A dense checkpoint gives the pruned one's answers, and can be read by everything that reads Hugging Face's.

Examples:
  roberta-model convert --model my-model --out my-model-bf16 --dtype bf16
  roberta-model convert --model my-model/pruned --out my-model-dense --dense --dtype fp32)");
}

}  // namespace

void AddConvert(CLI::App* app, int* exit_code) {
  AddCommand(app, exit_code, "convert", "Writes a checkpoint with other data types, or a pruned one dense",
             DeclareConvertOptions, OpenAndConvert);
}

}  // namespace roberta::tool
