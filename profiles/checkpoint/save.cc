#include "profiles/checkpoint/save.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <set>
#include <system_error>
#include <vector>

#include "profiles/checkpoint/files.h"
#include "profiles/checkpoint/pruning.h"
#include "profiles/checkpoint/safetensors.h"
#include "profiles/errors/errors.h"
#include "profiles/json/strict_json.h"

namespace roberta::checkpoint {
namespace {

using OrderedJson = nlohmann::ordered_json;

constexpr size_t kHeaderAlignmentBytes = 8;
constexpr char kMetadataName[] = "__metadata__";

absl::Status CheckTensors(absl::Span<const TensorView> tensors) {
  std::set<std::string_view> names;
  for (const TensorView& tensor : tensors) {
    const std::string where = absl::StrCat("tensor ", json::Quoted(tensor.name), ": ");
    if (tensor.name.empty() || tensor.name == kMetadataName)
      return absl::InvalidArgumentError(where + "not a name for a tensor");
    if (!names.insert(tensor.name).second) return absl::InvalidArgumentError(where + "occurs twice");
    const auto shape_bytes = ShapeBytes(tensor.dtype, tensor.shape);
    if (shape_bytes != tensor.data.size()) {
      return errors::InvalidArgument(where, "has ", tensor.data.size(), " bytes, which is not the size of ",
                                     std::string(DtypeName(tensor.dtype)), " ", ShapeText(tensor.shape));
    }
  }
  return absl::OkStatus();
}

std::vector<const TensorView*> FileOrder(absl::Span<const TensorView> tensors) {
  std::vector<const TensorView*> order;
  for (const TensorView& tensor : tensors) order.push_back(&tensor);
  std::stable_sort(order.begin(), order.end(),
                   [](const auto* a, const auto* b) { return DtypeBytes(a->dtype) > DtypeBytes(b->dtype); });
  return order;
}

absl::StatusOr<std::string> HeaderText(const std::vector<const TensorView*>& order,
                                       const std::map<std::string, std::string>& metadata) {
  OrderedJson header = OrderedJson::object();
  if (!metadata.empty()) header[kMetadataName] = metadata;
  uint64_t begin_bytes = 0;
  for (const TensorView* tensor : order) {
    const uint64_t end_bytes = begin_bytes + tensor->data.size();
    header[tensor->name] = {
        {"dtype", DtypeName(tensor->dtype)}, {"shape", tensor->shape}, {"data_offsets", {begin_bytes, end_bytes}}};
    begin_bytes = end_bytes;
  }
  std::string text;
  try {
    text = header.dump();
  } catch (const OrderedJson::exception& error) {
    return absl::InvalidArgumentError("a tensor name or the metadata is not UTF-8");
  }
  text.resize((text.size() + kHeaderAlignmentBytes - 1) / kHeaderAlignmentBytes * kHeaderAlignmentBytes, ' ');
  return text;
}

absl::Span<const std::byte> BytesOf(const void* data, size_t size_bytes) {
  return {static_cast<const std::byte*>(data), size_bytes};
}

namespace fs = std::filesystem;

constexpr char kConfigFile[] = "config.json";
constexpr char kWeightsFile[] = "model.safetensors";
constexpr char kSampleFile[] = "sample.tsv";
constexpr const char* kVocabularyFiles[] = {
    "vocab.json",       "merges.txt", "tokenizer.json", "tokenizer_config.json", "special_tokens_map.json",
    "added_tokens.json"};

std::string In(const std::string& directory, const char* name) {
  return absl::StrCat(directory, "/", name);
}

/// Where there is such a file.
absl::Status CopyFile(const char* name, const std::string& from, const std::string& to) {
  std::error_code failure;
  const std::string path = In(from, name);
  if (!fs::exists(path, failure)) return absl::OkStatus();
  const auto file = MappedFile::Open(path);
  if (!file.ok()) return errors::In(path, file.status());
  return WriteTextFile(In(to, name), (*file)->text());
}

/// Takes away what WriteCheckpoint writes.
void RemoveFiles(const std::string& directory) {
  std::error_code ignored;
  for (const char* name : kVocabularyFiles) fs::remove(In(directory, name), ignored);
  for (const char* name : {kSampleFile, kWeightsFile, kPruningFile, kConfigFile}) {
    fs::remove(In(directory, name), ignored);
  }
}

}  // namespace

absl::Status WriteSafetensors(const std::string& path, absl::Span<const TensorView> tensors,
                              const std::map<std::string, std::string>& metadata) {
  const absl::Status status = CheckTensors(tensors);
  const std::vector<const TensorView*> order = FileOrder(tensors);
  const auto header = status.ok() ? HeaderText(order, metadata) : status;
  if (!header.ok()) return errors::In(path, header.status());
  const uint64_t header_bytes = header->size();
  ASSIGN_OR_RETURN(auto file, AtomicFile::Create(path));
  RETURN_IF_ERROR(file.Append(BytesOf(&header_bytes, sizeof header_bytes)));
  RETURN_IF_ERROR(file.Append(BytesOf(header->data(), header->size())));
  for (const TensorView* tensor : order) RETURN_IF_ERROR(file.Append(tensor->data));
  return file.Commit();
}

absl::Status WriteTextFile(const std::string& path, std::string_view text) {
  ASSIGN_OR_RETURN(auto file, AtomicFile::Create(path));
  RETURN_IF_ERROR(file.Append(BytesOf(text.data(), text.size())));
  return file.Commit();
}

absl::Status WriteCheckpoint(const std::string& directory, const NewCheckpoint& checkpoint) {
  if (!checkpoint.vocabulary_directory.empty()) {
    for (const char* name : kVocabularyFiles) {
      RETURN_IF_ERROR(CopyFile(name, checkpoint.vocabulary_directory, directory));
    }
  }
  if (checkpoint.copies_sample) RETURN_IF_ERROR(CopyFile(kSampleFile, checkpoint.vocabulary_directory, directory));
  RETURN_IF_ERROR(WriteSafetensors(In(directory, kWeightsFile), checkpoint.tensors, {{"format", "pt"}}));
  if (!checkpoint.pruning.empty()) RETURN_IF_ERROR(WriteTextFile(In(directory, kPruningFile), checkpoint.pruning));
  return WriteTextFile(In(directory, kConfigFile), checkpoint.config);
}

absl::Status WriteNewCheckpoint(const std::string& directory, const NewCheckpoint& checkpoint) {
  std::error_code failure;
  const bool is_new = fs::create_directories(directory, failure);
  if (failure) return absl::UnavailableError(absl::StrCat(directory, ": cannot create: ", failure.message()));
  if (!fs::is_empty(directory, failure) || failure) {
    return absl::AlreadyExistsError(absl::StrCat(directory, ": is not empty; name a new directory"));
  }
  absl::Status status = WriteCheckpoint(directory, checkpoint);
  if (!status.ok()) {
    RemoveFiles(directory);
    if (is_new) fs::remove(directory, failure);
  }
  return status;
}

std::string WithTorchDtype(std::string_view config, Dtype dtype) {
  const char* name = dtype == Dtype::kF16 ? "float16" : dtype == Dtype::kBF16 ? "bfloat16" : "float32";
  auto fields = OrderedJson::parse(json::FromPython(config));
  fields["torch_dtype"] = name;
  if (fields.contains("dtype")) fields["dtype"] = name;
  return fields.dump(2) + "\n";
}

}  // namespace roberta::checkpoint
