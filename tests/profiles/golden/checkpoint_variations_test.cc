// Variations of the demo model, made by edits, against what transformers 5 makes of them: the same logits, or a
// refusal. The edits and the answers are in tests/golden/checkpoints/variations.jsonl; make_checkpoint_golden.py beside
// it says what an edit means.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <filesystem>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "profiles/checkpoint/checkpoint.h"
#include "profiles/checkpoint/safetensors.h"
#include "profiles/registry/recipes.h"
#include "tests/profiles/checkpoint/checkpoint_fixture.h"
#include "tests/test_paths.h"

namespace roberta::profiles_test {
namespace {

using checkpoint::Checkpoint;
using checkpoint_fixture::ReadFile;
using checkpoint_fixture::ScratchDirectory;
using checkpoint_fixture::WriteFile;
using Json = nlohmann::ordered_json;

/// Between the activation functions that are closest to each other, logits differ by ten times as much.
constexpr double kTolerance = 2e-5;

/// A tensor as a file has it. Bytes are those of the demo model, or in Variation::made_.
struct StoredTensor {
  std::string name, dtype;
  std::vector<int64_t> shape;
  std::string_view bytes;
};

std::string Replaced(std::string text, const Json& replacements) {
  for (const Json& one : replacements) {
    const std::string part = one[0];
    const size_t at = text.find(part);
    EXPECT_NE(at, std::string::npos) << part;
    if (at != std::string::npos) text.replace(at, part.size(), one[1].get<std::string>());
  }
  return text;
}

/// The demo model with some of its layers: what is edited.
class Base {
 public:
  explicit Base(const std::vector<int64_t>& layers)
      : file_(checkpoint::MappedFile::Open(test_paths::InRepository("models/demo-sst2/model.safetensors")).value()),
        config_(Json::parse(ReadFile(test_paths::InRepository("models/demo-sst2/config.json")))) {
    config_["num_hidden_layers"] = layers.size();
    // In the order of the file, as the generator reads it.
    const std::string_view text = file_->text();
    uint64_t header_bytes = 0;
    std::memcpy(&header_bytes, text.data(), sizeof header_bytes);
    const Json header = Json::parse(text.substr(8, header_bytes));
    for (const auto& [name, entry] : header.items()) {
      if (name == "__metadata__") continue;
      const uint64_t begin = entry["data_offsets"][0], end = entry["data_offsets"][1];
      StoredTensor tensor = {name, entry["dtype"], entry["shape"], text.substr(8 + header_bytes + begin, end - begin)};
      if (Kept(layers, &tensor.name)) tensors_.push_back(std::move(tensor));
    }
  }
  const Json& config() const { return config_; }
  const std::vector<StoredTensor>& tensors() const { return tensors_; }

 private:
  static bool Kept(const std::vector<int64_t>& layers, std::string* name) {
    const size_t at = name->find("layer.");
    if (at == std::string::npos) return true;
    const size_t end = name->find('.', at + 6);
    const auto found = std::find(layers.begin(), layers.end(), std::stoi(name->substr(at + 6)));
    if (found == layers.end()) return false;
    name->replace(at + 6, end - at - 6, std::to_string(found - layers.begin()));
    return true;
  }

  std::unique_ptr<const checkpoint::MappedFile> file_;
  Json config_;
  std::vector<StoredTensor> tensors_;
};

/// Makes the edits of one variation in a directory.
class Variation {
 public:
  Variation(const Base& base, const ScratchDirectory& unchanged, const Json& edits)
      : edits_(edits), tensors_(base.tensors()) {
    Json config = base.config();
    for (const auto& [field, value] : Edit("config").items()) config[field] = value;
    for (const Json& field : Edit("without")) config.erase(field.get<std::string>());
    WriteFile(In("config.json"), Replaced(Dumped(config), Edit("config_text")));
    for (const Json& one : Edit("tensors")) EditTensors(one);
    const bool is_changed = std::any_of(edits.items().begin(), edits.items().end(), [](const auto& one) {
      return !one.key().starts_with("config") && one.key() != "without" && one.key() != "link";
    });
    if (is_changed) {
      WriteWeights();
    } else {
      std::filesystem::create_hard_link(unchanged.In("model.safetensors"), In("model.safetensors"));
    }
    for (const auto& [name, text] : Edit("files").items()) {
      std::filesystem::remove(In(name));
      if (!text.is_null()) WriteFile(In(name), text.get<std::string>());
    }
    for (const auto& [name, size] : Edit("truncate").items()) std::filesystem::resize_file(In(name), size);
    for (const auto& [name, target] : Edit("link").items()) {
      std::filesystem::rename(In(name), In(target));
      std::filesystem::create_symlink(target.get<std::string>(), In(name));
    }
  }
  const std::string& path() const { return directory_.path(); }

 private:
  static std::string Dumped(const Json& value) { return value.dump(-1, ' ', /*ensure_ascii=*/true); }
  std::string In(const std::string& name) const { return directory_.In(name); }
  const Json& Edit(const char* name) const {
    static const Json kNothing = Json::object();
    return edits_.contains(name) ? edits_[name] : kNothing;
  }

  void EditTensors(const Json& edit) {
    const std::string operation = edit[0], part = edit[1];
    if (operation == "add") {
      std::erase_if(tensors_, [&](const auto& one) { return one.name == part; });
      tensors_.push_back({part, edit[2], edit[3], {}});
      return Fill(&tensors_.back());
    }
    if (operation == "copy") {
      StoredTensor copy =
          *std::find_if(tensors_.begin(), tensors_.end(), [&](const auto& one) { return one.name == part; });
      copy.name = edit[2];
      return tensors_.push_back(std::move(copy));
    }
    const auto is_meant = [&](const StoredTensor& one) { return one.name.find(part) != std::string::npos; };
    if (operation == "drop") return static_cast<void>(std::erase_if(tensors_, is_meant));
    for (StoredTensor& tensor : tensors_) {
      if (!is_meant(tensor)) continue;
      if (operation == "rename") tensor.name.replace(tensor.name.find(part), part.size(), edit[2].get<std::string>());
      if (operation == "shape") tensor.shape = edit[2].get<std::vector<int64_t>>();
      if (operation == "rows") SetRows(edit[2], &tensor);
      if (operation == "dtype") Convert(edit[2], &tensor);
    }
  }

  /// Zeros, as many as its shape wants.
  void Fill(StoredTensor* tensor) {
    const auto dtype = checkpoint::DtypeFromName(tensor->dtype);
    tensor->bytes = made_.emplace_back(checkpoint::ShapeBytes(*dtype, tensor->shape).value(), '\0');
  }
  void SetRows(int64_t rows, StoredTensor* tensor) {
    const size_t row_bytes = tensor->bytes.size() / static_cast<size_t>(tensor->shape[0]);
    made_.emplace_back(tensor->bytes).resize(static_cast<size_t>(rows) * row_bytes);
    tensor->bytes = made_.back();
    tensor->shape[0] = rows;
  }
  /// To another float, or else zeros. F16, as all weights of the demo model are, is exact in F32 and in F64.
  void Convert(const std::string& dtype, StoredTensor* tensor) {
    const auto from = checkpoint::DtypeFromName(tensor->dtype), to = checkpoint::DtypeFromName(dtype);
    tensor->dtype = dtype;
    if (!checkpoint::IsFloat(*to)) return Fill(tensor);
    const auto converted = checkpoint::ConvertValues(
        {tensor->name, *from, tensor->shape, checkpoint_fixture::AsBytes(tensor->bytes)}, *to);
    tensor->bytes = made_.emplace_back(reinterpret_cast<const char*>(converted->data()), converted->size());
  }

  void WriteWeights() {
    const bool has_shards = edits_.contains("shards");
    const Json shards = has_shards ? edits_["shards"] : Json{{"model.safetensors", ""}};
    Json index = {{"metadata", {{"total_size", 0}}}, {"weight_map", Json::object()}};
    Json& weight_map = index["weight_map"];
    for (const auto& [shard, part] : shards.items()) {
      std::vector<StoredTensor> of_shard;
      for (const StoredTensor& tensor : tensors_) {
        if (tensor.name.find(part.get<std::string>()) == std::string::npos || weight_map.contains(tensor.name))
          continue;
        of_shard.push_back(tensor);
      }
      for (const StoredTensor& tensor : of_shard) weight_map[tensor.name] = shard;
      WriteSafetensors(shard, of_shard);
    }
    if (!has_shards) return;
    const std::string unindexed = edits_.value("unindexed", "\n");
    for (const StoredTensor& tensor : tensors_) {
      if (tensor.name.find(unindexed) != std::string::npos) weight_map.erase(tensor.name);
    }
    for (const auto& [tensor, shard] : Edit("index").items()) weight_map[tensor] = shard;
    WriteFile(In("model.safetensors.index.json"), Replaced(Dumped(index), Edit("index_text")));
  }

  void WriteSafetensors(const std::string& name, const std::vector<StoredTensor>& tensors) {
    Json header = Json::object();
    const Json metadata = edits_.contains("metadata") ? edits_["metadata"] : Json{{"format", "pt"}};
    if (metadata != "absent") header["__metadata__"] = metadata;
    size_t end = 0;
    for (const StoredTensor& tensor : tensors) {
      const size_t begin = std::exchange(end, end + tensor.bytes.size());
      header[tensor.name] = {{"dtype", tensor.dtype}, {"shape", tensor.shape}, {"data_offsets", {begin, end}}};
    }
    const std::string text = Replaced(Dumped(header), Edit("header"));
    const uint64_t length = text.size();
    std::filesystem::create_directories(std::filesystem::path(In(name)).parent_path());
    std::ofstream file(In(name), std::ios::binary);
    file.write(reinterpret_cast<const char*>(&length), sizeof length);
    file << text;
    for (const StoredTensor& tensor : tensors) file << tensor.bytes;
    file << std::string(edits_.value("tail", size_t{0}), '\0');
    EXPECT_TRUE(file.good()) << In(name);
  }

  const Json edits_;
  const ScratchDirectory directory_;
  std::deque<std::string> made_;
  std::vector<StoredTensor> tensors_;
};

/// What baseline makes of a directory.
struct Served {
  std::vector<std::string> labels;
  std::vector<std::vector<float>> logits;  ///< by text
};

absl::StatusOr<Served> Serve(const std::string& directory, const std::vector<std::vector<int32_t>>& texts) {
  auto checkpoint = Checkpoint::Open(directory);
  if (!checkpoint.ok()) return checkpoint.status();
  auto profile = registry::LoadProfile(*registry::FindRecipe(registry::BuiltInRecipes(), "baseline"), **checkpoint, {});
  if (!profile.ok()) return profile.status();
  Served served = {(*checkpoint)->config().labels, {}};
  for (const std::vector<int32_t>& ids : texts) {
    std::vector<float> logits(served.labels.size());
    const absl::Status status =
        (*profile)->Run({ids, std::vector<int32_t>{0, static_cast<int32_t>(ids.size())}}, absl::MakeSpan(logits));
    if (!status.ok()) return status;
    served.logits.push_back(std::move(logits));
  }
  return served;
}

/// Empty if `served` is what the row of the golden file expects, else what is wrong.
std::string Difference(const Json& row, const absl::StatusOr<Served>& served) {
  const std::string here = row.value("here", "");
  const bool may_be_refused = here.starts_with("may be refused");  // of combinations: one edit may undo another
  if (may_be_refused && !served.ok()) return "";
  const bool is_refused = here.empty() || may_be_refused ? row.contains("refused") : here.starts_with("refused");
  if (is_refused) return served.ok() ? "is served" : "";
  if (!served.ok()) return "is refused: " + std::string(served.status().message());
  if (!row.contains("logits")) return "";
  if (served->labels != row["labels"].get<std::vector<std::string>>()) return "has other labels";
  double largest = 0;
  for (size_t text = 0; text < served->logits.size(); ++text) {
    const std::vector<double> expected = row["logits"][text];
    if (expected.size() != served->logits[text].size()) return "has another number of logits";
    for (size_t i = 0; i < expected.size(); ++i) {
      const double difference = std::abs(static_cast<double>(served->logits[text][i]) - expected[i]);
      largest = std::isnan(difference) ? difference : std::max(largest, difference);
    }
  }
  return largest < kTolerance ? "" : "has logits that differ by " + std::to_string(largest);
}

TEST(CheckpointVariations, AreServedWithTheLogitsOfTransformersOrRefused) {
  const char* given = std::getenv("ROBERTA_CHECKPOINT_VARIATIONS");
  std::ifstream file(given != nullptr ? given : test_paths::InRepository("tests/golden/checkpoints/variations.jsonl"));
  std::string line;
  ASSERT_TRUE(std::getline(file, line));
  const Json first = Json::parse(line);
  const std::vector<std::vector<int32_t>> texts = first["ids"];
  const Base base(first["layers"]);
  const Variation plain(base, ScratchDirectory(), {{"tail", 0}});
  const ScratchDirectory unchanged;
  std::filesystem::create_hard_link(plain.path() + "/model.safetensors", unchanged.In("model.safetensors"));
  std::map<std::string, size_t> counts;
  while (std::getline(file, line)) {
    const Json row = Json::parse(line);
    const Variation variation(base, unchanged, row["edits"]);
    const auto served = Serve(variation.path(), texts);
    EXPECT_EQ(Difference(row, served), "") << row["name"];
    if (!served.ok()) {
      EXPECT_LT(served.status().message().size(), 4000u) << row["name"];
      EXPECT_EQ(served.status().message().find('\n'), std::string::npos) << row["name"];
    }
    ++counts[served.ok() ? "served" : "refused"];
  }
  std::printf("%zu variations served, %zu refused\n", counts["served"], counts["refused"]);
  EXPECT_GT(counts["served"], 0u);
}

}  // namespace
}  // namespace roberta::profiles_test
