#include "profiles/checkpoint/weight_files.h"

#include <sys/stat.h>

#include <map>
#include <optional>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "profiles/checkpoint/safetensors.h"
#include "profiles/json/strict_json.h"

namespace roberta::checkpoint {
namespace {

using Json = nlohmann::json;

constexpr size_t kLongestIndexBytes = 64u << 20;
constexpr char kSingleFile[] = "model.safetensors";
constexpr char kIndexFile[] = "model.safetensors.index.json";
constexpr char kPickleFile[] = "pytorch_model.bin";

/// name of a shard -> names of its tensors, as the index has them.
using ShardMap = std::map<std::string, std::set<std::string>>;

bool Exists(const std::string& path) {
  struct stat status {};
  return lstat(path.c_str(), &status) == 0;
}

bool IsPlainShardName(const std::string& name) {
  constexpr std::string_view kSuffix = ".safetensors";
  const std::string_view view = name;
  return name.size() > kSuffix.size() && view.substr(name.size() - kSuffix.size()) == kSuffix && name.front() != '.' &&
         name.find('/') == std::string::npos && name.find('\0') == std::string::npos;
}

/// Maps and parses one file. Where that fails, reports a problem and marks the weights incomplete.
bool MapInto(const std::string& path, WeightFiles* weights, std::vector<Problem>* problems) {
  auto file = MappedFile::Open(path);
  auto parsed = file.ok() ? ParseSafetensors((*file)->bytes()) : file.status();
  if (!parsed.ok()) {
    problems->push_back({path, std::string(parsed.status().message()), parsed.status().code()});
    weights->complete = false;
    return false;
  }
  for (TensorView& view : parsed->tensors) weights->tensors.push_back({std::move(view), weights->files.size()});
  weights->files.push_back(*std::move(file));
  return true;
}

std::optional<ShardMap> ReadIndex(const std::string& path, std::vector<Problem>* problems) {
  const auto text = ReadTextFile(path, kLongestIndexBytes);
  const auto json = text.ok() ? json::ParseStrictJson(*text) : text.status();
  if (!json.ok()) {
    problems->push_back({path, std::string(json.status().message()), json.status().code()});
    return std::nullopt;
  }
  if (!json->is_object()) {
    problems->push_back({path, absl::StrCat("is ", json::ShownValue(*json), "; it must be an object")});
    return std::nullopt;
  }
  JsonFields fields(*json, path, problems);
  const Json* weight_map = fields.Find("weight_map");
  if (weight_map == nullptr || !weight_map->is_object()) {
    fields.ReportValue("weight_map", weight_map == nullptr ? Json() : *weight_map,
                       "it must be an object from tensor names to file names");
    return std::nullopt;
  }
  ShardMap shards;
  for (const auto& [tensor, shard] : weight_map->items()) {
    if (shard.is_string() && IsPlainShardName(shard.get_ref<const std::string&>())) {
      shards[shard.get<std::string>()].insert(tensor);
    } else {
      fields.ReportValue(absl::StrCat("weight_map.", tensor), shard,
                         "it must be the plain name of a .safetensors file in the directory");
    }
  }
  return shards;
}

void MapShard(const std::string& path, std::set<std::string> indexed, WeightFiles* weights,
              std::vector<Problem>* problems) {
  const size_t first = weights->tensors.size();
  if (!MapInto(path, weights, problems)) return;
  for (size_t i = first; i < weights->tensors.size(); ++i) {
    const std::string& name = weights->tensors[i].view.name;
    if (indexed.erase(name) == 0) {
      problems->push_back(
          {path, absl::StrCat("holds tensor ", json::Quoted(name), ", which the index does not place there")});
    }
  }
  for (const std::string& name : indexed) {
    problems->push_back({path, absl::StrCat("lacks tensor ", json::Quoted(name), ", which the index places there")});
  }
}

Problem NoWeights(const std::string& directory) {
  if (!Exists(absl::StrCat(directory, "/", kPickleFile))) {
    return {directory, absl::StrCat("has neither ", kSingleFile, " nor ", kIndexFile), absl::StatusCode::kNotFound};
  }
  return {absl::StrCat(directory, "/", kPickleFile),
          absl::StrCat("is a pickle, which can run code when read, and is not read; convert it: python3 -c \"from "
                       "transformers import "
                       "RobertaForSequenceClassification as M; M.from_pretrained('",
                       directory, "').save_pretrained('", directory, "', safe_serialization=True)\""),
          absl::StatusCode::kInvalidArgument};
}

}  // namespace

void WeightFiles::ReleasePages() const {
  for (const auto& file : files) file->ReleasePages();
}

uint64_t WeightFiles::bytes_on_disk() const {
  uint64_t sum = 0;
  for (const auto& file : files) sum += file->bytes().size();
  return sum;
}

WeightFiles MapWeightFiles(const std::string& directory, std::vector<Problem>* problems) {
  WeightFiles weights;
  weights.listing = absl::StrCat(directory, "/", kSingleFile);
  if (Exists(weights.listing)) {
    MapInto(weights.listing, &weights, problems);
    return weights;
  }
  weights.listing = absl::StrCat(directory, "/", kIndexFile);
  if (!Exists(weights.listing)) {
    problems->push_back(NoWeights(directory));
    weights.complete = false;
    return weights;
  }
  const auto shards = ReadIndex(weights.listing, problems);
  weights.complete = shards.has_value();
  if (!shards) return weights;
  for (const auto& [shard, tensors] : *shards)
    MapShard(absl::StrCat(directory, "/", shard), tensors, &weights, problems);
  return weights;
}

}  // namespace roberta::checkpoint
