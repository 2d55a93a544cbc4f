// Directories that differ from a small tokenizer by edits, and the ids that transformers 4 and 5 give for them
// (tests/golden/make_tokenizer_variants.py).
#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>
#include <string>

#include "profiles/tokenizer/tokenizer.h"
#include "profiles/tokenizer/vocabulary.h"
#include "tests/test_paths.h"

namespace roberta::tokenizer {
namespace {

using nlohmann::json;

std::string InDemo(const std::string& name) {
  return test_paths::InRepository("models/demo-sst2/" + name);
}

/// The files of the small tokenizer, merges.txt as a string.
json BaseFiles(int tokens) {
  json description = json::parse(std::ifstream(InDemo("tokenizer.json")));
  json vocab = json::object(), merges = json::array();
  for (const auto& [token, id] : description["model"]["vocab"].items()) {
    if (id < tokens) vocab[token] = id;
  }
  std::string merges_txt = "#version: 0.2\n";
  for (const json& merge : description["model"]["merges"]) {
    const std::string left = merge[0], right = merge[1];
    if (!vocab.contains(left) || !vocab.contains(right) || !vocab.contains(left + right)) continue;
    merges.push_back(merge);
    merges_txt += left + " " + right + "\n";
  }
  description["model"]["vocab"] = vocab;
  description["model"]["merges"] = merges;
  return {{"tokenizer.json", description},
          {"vocab.json", vocab},
          {"merges.txt", merges_txt},
          {"config.json", json::parse(std::ifstream(InDemo("config.json")))}};
}

std::string ChangedMerges(const std::string& change, std::string text) {
  if (change == "no-version") return text.substr(text.find('\n') + 1);
  if (change == "no-last-newline") return text.substr(0, text.size() - 1);
  if (change == "two-versions") return text + "#version: 0.3\n";
  EXPECT_EQ(change, "crlf");
  for (size_t at = 0; (at = text.find('\n', at)) != std::string::npos; at += 2) text.replace(at, 1, "\r\n");
  return text;
}

/// The same edits as apply() of the script that made the file.
TokenizerFiles Edited(json files, const json& edits) {
  for (const json& name : edits.value("remove", json::array())) files.erase(name.get<std::string>());
  const json all_patches = edits.value("patch", json::object()), changes = edits.value("change_merges", json::object());
  for (const auto& [name, patches] : all_patches.items()) {
    for (const json& patch : patches) {
      json operation = {{"path", patch[0]}};
      const json::json_pointer pointer(patch[0].get<std::string>());
      const bool is_list = files[name][pointer.parent_pointer()].is_array();
      operation["op"] = patch.size() == 1 ? "remove" : is_list && pointer.back() != "-" ? "replace" : "add";
      if (patch.size() > 1) operation["value"] = patch[1];
      files[name].patch_inplace(json::array({operation}));
    }
  }
  files.update(edits.value("write", json::object()));
  for (const auto& [change, unused] : changes.items()) {
    files["merges.txt"] = ChangedMerges(change, files["merges.txt"]);
  }
  TokenizerFiles result = {.directory = "DIR"};
  const std::pair<const char*, std::optional<std::string>*> places[] = {
      {"tokenizer.json", &result.tokenizer_json},
      {"vocab.json", &result.vocab_json},
      {"merges.txt", &result.merges_txt},
      {"tokenizer_config.json", &result.tokenizer_config_json},
      {"special_tokens_map.json", &result.special_tokens_map_json},
      {"added_tokens.json", &result.added_tokens_json},
      {"config.json", &result.config_json}};
  for (const auto& [name, text] : places) {
    if (files.contains(name)) *text = files[name].is_string() ? files[name].get<std::string>() : files[name].dump();
  }
  return result;
}

struct Answer {
  json ids = json::array();  ///< [texts, then pairs]
  std::string refused;       ///< why, if it is
  std::vector<std::string> notes;
};

Answer Ours(const TokenizerFiles& files, const json& header) {
  Answer answer;
  auto vocabulary = ParseVocabulary(files);
  if (!vocabulary.ok()) {
    answer.refused = std::string(vocabulary.status().message());
    return answer;
  }
  const auto tokenizer = Tokenizer::FromVocabulary(*std::move(vocabulary));
  answer.notes = tokenizer->notes();
  const auto add = [&](const std::string& text, std::optional<std::string_view> pair) {
    Encoding encoding;
    const absl::Status status =
        tokenizer->Encode(text, pair, {.max_tokens = 512, .truncation = Truncation::kRight}, &encoding);
    // A text of which nothing is left is an error here, as the model can make nothing of it.
    answer.ids.push_back(status.ok() ? json(encoding.ids) : json::array());
  };
  for (const json& text : header["texts"]) add(text, std::nullopt);
  for (const json& pair : header["pairs"]) {
    const std::string second = pair[1];
    add(pair[0], second.empty() ? std::nullopt : std::optional<std::string_view>(second));  // as for transformers
  }
  return answer;
}

/// "both", "v4", "v5" or "refused": whom we agree with; anything else is wrong. `base` are the ids of what is not
/// edited.
std::string Agreement(const Answer& ours, const json& row, const json& base) {
  if (!ours.refused.empty()) return "refused";
  const auto agrees = [&](const char* version) {
    if (!row.contains(version) || !row[version].contains("ids")) return false;
    json ids = base;
    for (const auto& [index, changed] : row[version]["ids"].items()) ids[std::stoul(index)] = changed;
    return ids == ours.ids;
  };
  for (const char* version : {"both", "v5", "v4"}) {
    if (agrees(version)) return version;
  }
  if (row.contains("both") && row["both"].contains("error")) return "only us";
  // Where one of the two fails on a file of which the other drops a part, the file holds, and a note says so.
  return (row["v4"].contains("error") || row["v5"].contains("error")) && !ours.notes.empty() ? "file" : "nobody";
}

TEST(TokenizerVariants, GiveTheIdsOfTransformersOrAreRefused) {
  const char* own = std::getenv("ROBERTA_TOKENIZER_VARIANTS");
  std::ifstream file(own != nullptr ? own : test_paths::InRepository("tests/golden/tokenizer_variants.jsonl"));
  std::string line;
  ASSERT_TRUE(std::getline(file, line));
  const json header = json::parse(line), base = BaseFiles(header["tokens"]);
  std::map<std::string, int> counts;
  while (std::getline(file, line)) {
    const json row = json::parse(line);
    const Answer ours = Ours(Edited(base, row["edits"]), header);
    const std::string agreement = Agreement(ours, row, header["ids"]);
    ++counts[agreement];
    EXPECT_NE(agreement, "nobody") << row["name"] << "\nours " << ours.ids << "\n" << row;
    const bool versions_differ = row.contains("v4") && row["v4"].contains("ids") && row["v5"].contains("ids");
    EXPECT_TRUE(!versions_differ || agreement == "refused" || !ours.notes.empty())
        << row["name"] << " as " << agreement;
    if (std::getenv("ROBERTA_SHOW") != nullptr) {
      std::printf("%-8s %s %s\n", agreement.c_str(), row["name"].dump().c_str(), ours.refused.c_str());
    }
  }
  for (const auto& [agreement, count] : counts) std::printf("%s: %d\n", agreement.c_str(), count);
  const std::map<std::string, int> expected = {{"both", 406}, {"only us", 6}, {"refused", 79}, {"v4", 85}, {"v5", 78}};
  EXPECT_TRUE(own != nullptr || counts == expected) << "say in profiles/README.md what is refused, and why";
}

}  // namespace
}  // namespace roberta::tokenizer
