#include "profiles/checkpoint/save.h"

#include <filesystem>
#include <nlohmann/json.hpp>
#include <system_error>

#include "absl/strings/str_cat.h"
#include "profiles/checkpoint/atomic_file.h"
#include "profiles/checkpoint/mapped_file.h"
#include "profiles/checkpoint/pruning.h"
#include "profiles/checkpoint/writer.h"

namespace roberta::checkpoint {
namespace {

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
  if (!file.ok()) return absl::Status(file.status().code(), absl::StrCat(path, ": ", file.status().message()));
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

absl::Status WriteTextFile(const std::string& path, std::string_view text) {
  auto file = AtomicFile::Create(path);
  if (!file.ok()) return file.status();
  absl::Status status = file->Append({reinterpret_cast<const std::byte*>(text.data()), text.size()});
  return status.ok() ? file->Commit() : status;
}

absl::Status WriteCheckpoint(const std::string& directory, const NewCheckpoint& checkpoint) {
  absl::Status status;
  if (!checkpoint.vocabulary_directory.empty()) {
    for (const char* name : kVocabularyFiles) {
      if (status.ok()) status = CopyFile(name, checkpoint.vocabulary_directory, directory);
    }
  }
  if (status.ok() && checkpoint.copies_sample) {
    status = CopyFile(kSampleFile, checkpoint.vocabulary_directory, directory);
  }
  if (status.ok()) {
    status = WriteSafetensors(In(directory, kWeightsFile), checkpoint.tensors, {{"format", "pt"}});
  }
  if (status.ok() && !checkpoint.pruning.empty()) {
    status = WriteTextFile(In(directory, kPruningFile), checkpoint.pruning);
  }
  return status.ok() ? WriteTextFile(In(directory, kConfigFile), checkpoint.config) : status;
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
  auto json = nlohmann::ordered_json::parse(config);
  json["torch_dtype"] = name;
  if (json.contains("dtype")) json["dtype"] = name;
  return json.dump(2) + "\n";
}

}  // namespace roberta::checkpoint
