// Every checkpoint's golden file holds the logits that Hugging Face's transformers computes for it in float32; each
// profile must reach them within its tolerance.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string>
#include <tuple>
#include <vector>

#include "profiles/baseline/baseline.h"
#include "profiles/reference/reference_profile.h"
#include "tests/profiles/loaded_model.h"
#include "tests/test_paths.h"

namespace roberta::profiles_test {
namespace {

struct ProfileUnderTest {
  const char* name;
  Loader load;
  double tolerance;
};

const ProfileUnderTest kProfiles[] = {{"reference", &reference::LoadReferenceProfile, 1e-4},
                                      {"baseline", &baseline::LoadBaseline, 1e-4}};
const char* const kCheckpoints[] = {"tiny-3label", "odd-multilabel-bf16", "regression-fp16", "demo-sst2"};

constexpr size_t kMixedBatch = 16;

struct GoldenCase {
  std::vector<int32_t> ids;
  size_t tokens_dropped;
  nlohmann::json expected;
};

std::vector<GoldenCase> ReadGolden(const std::string& path, const LoadedModel& model) {
  std::ifstream file(path);
  std::vector<GoldenCase> cases;
  for (std::string line; std::getline(file, line);) {
    nlohmann::json expected = nlohmann::json::parse(line);
    std::optional<std::string> pair;
    if (expected.contains("text_pair") && !expected["text_pair"].is_null())
      pair = expected["text_pair"].get<std::string>();
    tokenizer::Encoding encoding = model.Encode(expected["text"].get<std::string>(), pair);
    cases.push_back({std::move(encoding.ids), encoding.tokens_dropped, std::move(expected)});
  }
  return cases;
}

double LargestDifference(const std::vector<float>& logits, size_t first, const nlohmann::json& expected) {
  double largest = 0;
  for (size_t i = 0; i < expected.size(); ++i) {
    largest = std::max(largest, std::abs(logits[first + i] - expected[i].get<double>()));
  }
  return largest;
}

class GoldenLogits : public testing::TestWithParam<std::tuple<ProfileUnderTest, const char*>> {
 protected:
  const ProfileUnderTest& profile() const { return std::get<0>(GetParam()); }
  const char* checkpoint() const { return std::get<1>(GetParam()); }
};

TEST_P(GoldenLogits, TokenCountsAndTruncationMatch) {
  ROBERTA_SHARED_OR_SKIP(directory, std::string("models/") + checkpoint());
  const LoadedModel model(directory, profile().load);
  for (const GoldenCase& golden : ReadGolden(directory + "/golden_logits.jsonl", model)) {
    EXPECT_EQ(golden.ids.size(), golden.expected["tokens"].get<size_t>()) << golden.expected["text"];
    EXPECT_EQ(golden.tokens_dropped > 0, golden.expected.value("truncated", false)) << golden.expected["text"];
  }
}

TEST_P(GoldenLogits, MatchAlone) {
  ROBERTA_SHARED_OR_SKIP(directory, std::string("models/") + checkpoint());
  const LoadedModel model(directory, profile().load);
  const std::vector<GoldenCase> cases = ReadGolden(directory + "/golden_logits.jsonl", model);
  ASSERT_FALSE(cases.empty());
  double largest = 0;
  for (const GoldenCase& golden : cases) {
    largest = std::max(largest, LargestDifference(model.Run({golden.ids}), 0, golden.expected["logits"]));
  }
  RecordProperty("largest_difference", std::to_string(largest));
  std::printf("%s on %s: largest difference alone %.2e over %zu texts\n", profile().name, checkpoint(), largest,
              cases.size());
  EXPECT_LT(largest, profile().tolerance);
}

TEST_P(GoldenLogits, MatchInMixedBatches) {
  ROBERTA_SHARED_OR_SKIP(directory, std::string("models/") + checkpoint());
  const LoadedModel model(directory, profile().load);
  const std::vector<GoldenCase> cases = ReadGolden(directory + "/golden_logits.jsonl", model);
  double largest = 0;
  for (size_t begin = 0; begin < cases.size(); begin += kMixedBatch) {
    std::vector<std::vector<int32_t>> sequences;
    const size_t end = std::min(begin + kMixedBatch, cases.size());
    for (size_t i = begin; i < end; ++i) sequences.push_back(cases[i].ids);
    const std::vector<float> logits = model.Run(sequences);
    for (size_t i = begin; i < end; ++i) {
      largest = std::max(largest, LargestDifference(logits, (i - begin) * model.labels(), cases[i].expected["logits"]));
    }
  }
  std::printf("%s on %s: largest difference in batches of %zu %.2e\n", profile().name, checkpoint(), kMixedBatch,
              largest);
  EXPECT_LT(largest, profile().tolerance);
}

std::string WithoutDashes(std::string name) {
  std::erase(name, '-');
  return name;
}

INSTANTIATE_TEST_SUITE_P(All, GoldenLogits,
                         testing::Combine(testing::ValuesIn(kProfiles), testing::ValuesIn(kCheckpoints)),
                         [](const auto& one) {
                           return std::string(std::get<0>(one.param).name) + "_" +
                                  WithoutDashes(std::get<1>(one.param));
                         });

class DemoModel : public testing::TestWithParam<ProfileUnderTest> {};

INSTANTIATE_TEST_SUITE_P(All, DemoModel, testing::ValuesIn(kProfiles),
                         [](const auto& one) { return std::string(one.param.name); });

TEST_P(DemoModel, LabelsOfTheDevelopmentSetAreHuggingFaces) {
  ROBERTA_SHARED_OR_SKIP(golden_file, "models/demo-sst2/golden_logits.jsonl");
  const LoadedModel model(test_paths::InRepository("models/demo-sst2"), GetParam().load);
  const std::vector<std::string>& labels = model.checkpoint->config().labels;
  size_t right = 0, total = 0;
  for (const GoldenCase& golden : ReadGolden(golden_file, model)) {
    const std::vector<float> logits = model.Run({golden.ids});
    const auto best = static_cast<size_t>(std::max_element(logits.begin(), logits.end()) - logits.begin());
    EXPECT_EQ(labels[best], golden.expected["predicted"].get<std::string>()) << golden.expected["text"];
    right += labels[best] == golden.expected["label"].get<std::string>();
    ++total;
  }
  std::printf("%s on demo-sst2: %zu of %zu right\n", GetParam().name, right, total);
  EXPECT_EQ(total, 872u);
  EXPECT_EQ(right, 770u);
}

}  // namespace
}  // namespace roberta::profiles_test
