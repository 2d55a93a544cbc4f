// Every checkpoint's golden file holds the logits that Hugging Face's transformers computes for it in float32.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "tests/profiles/reference/loaded_model.h"
#include "tests/test_paths.h"

namespace roberta::reference {
namespace {

constexpr double kTolerance = 1e-4;
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

class GoldenLogits : public testing::TestWithParam<const char*> {};

TEST_P(GoldenLogits, TokenCountsAndTruncationMatch) {
  ROBERTA_SHARED_OR_SKIP(directory, std::string("models/") + GetParam());
  const LoadedModel model(directory);
  for (const GoldenCase& golden : ReadGolden(directory + "/golden_logits.jsonl", model)) {
    EXPECT_EQ(golden.ids.size(), golden.expected["tokens"].get<size_t>()) << golden.expected["text"];
    EXPECT_EQ(golden.tokens_dropped > 0, golden.expected.value("truncated", false)) << golden.expected["text"];
  }
}

TEST_P(GoldenLogits, MatchAlone) {
  ROBERTA_SHARED_OR_SKIP(directory, std::string("models/") + GetParam());
  const LoadedModel model(directory);
  const std::vector<GoldenCase> cases = ReadGolden(directory + "/golden_logits.jsonl", model);
  ASSERT_FALSE(cases.empty());
  double largest = 0;
  for (const GoldenCase& golden : cases) {
    largest = std::max(largest, LargestDifference(model.Run({golden.ids}), 0, golden.expected["logits"]));
  }
  RecordProperty("largest_difference", std::to_string(largest));
  std::printf("%s: largest difference alone %.2e over %zu texts\n", GetParam(), largest, cases.size());
  EXPECT_LT(largest, kTolerance);
}

TEST_P(GoldenLogits, MatchInMixedBatches) {
  ROBERTA_SHARED_OR_SKIP(directory, std::string("models/") + GetParam());
  const LoadedModel model(directory);
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
  std::printf("%s: largest difference in batches of %zu %.2e\n", GetParam(), kMixedBatch, largest);
  EXPECT_LT(largest, kTolerance);
}

INSTANTIATE_TEST_SUITE_P(Checkpoints, GoldenLogits,
                         testing::Values("tiny-3label", "odd-multilabel-bf16", "regression-fp16", "demo-sst2"),
                         [](const auto& instance) {
                           std::string name = instance.param;
                           std::erase(name, '-');
                           return name;
                         });

TEST(DemoModel, LabelsOfTheDevelopmentSetAreHuggingFaces) {
  ROBERTA_SHARED_OR_SKIP(golden_file, "models/demo-sst2/golden_logits.jsonl");
  const LoadedModel model(test_paths::InRepository("models/demo-sst2"));
  const std::vector<std::string>& labels = model.checkpoint->config().labels;
  size_t right = 0, total = 0;
  for (const GoldenCase& golden : ReadGolden(golden_file, model)) {
    const std::vector<float> logits = model.Run({golden.ids});
    const auto best = static_cast<size_t>(std::max_element(logits.begin(), logits.end()) - logits.begin());
    EXPECT_EQ(labels[best], golden.expected["predicted"].get<std::string>()) << golden.expected["text"];
    right += labels[best] == golden.expected["label"].get<std::string>();
    ++total;
  }
  std::printf("demo-sst2: %zu of %zu right\n", right, total);
  EXPECT_EQ(total, 872u);
  EXPECT_EQ(right, 770u);
}

}  // namespace
}  // namespace roberta::reference
