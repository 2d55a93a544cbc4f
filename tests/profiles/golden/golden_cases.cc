#include "tests/profiles/golden/golden_cases.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <utility>

namespace roberta::profiles_test {
namespace {

std::vector<float> RunInBatchesOf(size_t batch, const LoadedModel& model, const std::vector<GoldenCase>& cases) {
  std::vector<float> all;
  for (size_t begin = 0; begin < cases.size(); begin += batch) {
    std::vector<std::vector<int32_t>> sequences;
    for (size_t i = begin; i < std::min(begin + batch, cases.size()); ++i) sequences.push_back(cases[i].ids);
    const std::vector<float> logits = model.Run(sequences);
    all.insert(all.end(), logits.begin(), logits.end());
  }
  return all;
}

}  // namespace

std::vector<GoldenCase> ReadGolden(const std::string& path, const LoadedModel& model) {
  std::ifstream file(path);
  std::vector<GoldenCase> cases;
  for (std::string line; std::getline(file, line);) {
    const nlohmann::json golden = nlohmann::json::parse(line);
    GoldenCase one;
    one.text = golden["text"].get<std::string>();
    std::optional<std::string> pair;
    if (golden.contains("text_pair") && !golden["text_pair"].is_null()) pair = golden["text_pair"].get<std::string>();
    tokenizer::Encoding encoding = model.Encode(one.text, pair);
    one.ids = std::move(encoding.ids);
    one.truncated = encoding.tokens_dropped > 0;
    one.golden_tokens = golden["tokens"].get<size_t>();
    one.golden_truncated = golden.value("truncated", false);
    one.golden_logits = golden["logits"].get<std::vector<double>>();
    one.label = golden.value("label", "");
    one.predicted = golden.value("predicted", "");
    EXPECT_EQ(one.golden_logits.size(), model.labels()) << one.text;
    cases.push_back(std::move(one));
  }
  EXPECT_FALSE(cases.empty()) << path;
  return cases;
}

std::vector<double> GoldenLogitsOf(const std::vector<GoldenCase>& cases) {
  std::vector<double> all;
  for (const GoldenCase& one : cases) all.insert(all.end(), one.golden_logits.begin(), one.golden_logits.end());
  return all;
}

std::vector<float> RunAlone(const LoadedModel& model, const std::vector<GoldenCase>& cases) {
  return RunInBatchesOf(1, model, cases);
}

std::vector<float> RunInMixedBatches(const LoadedModel& model, const std::vector<GoldenCase>& cases) {
  return RunInBatchesOf(16, model, cases);
}

const Answers& AnswersOf(const std::string& profile, const Loader& load, const std::string& directory,
                         const std::string& golden_file) {
  static auto& computed = *new std::map<std::pair<std::string, std::string>, Answers>;
  const auto [place, is_new] = computed.try_emplace({profile, directory});
  if (is_new) {
    const LoadedModel model(directory, load);
    std::vector<GoldenCase> cases = ReadGolden(golden_file, model);
    const std::vector<float> alone = RunAlone(model, cases), in_batches = RunInMixedBatches(model, cases);
    place->second = {std::move(cases), alone, in_batches};
  }
  return place->second;
}

Distance DistanceOf(const std::vector<float>& logits, const std::vector<double>& expected) {
  EXPECT_EQ(logits.size(), expected.size());
  double largest = 0, noise = 0, signal = 0;
  for (size_t i = 0; i < std::min(logits.size(), expected.size()); ++i) {
    const double difference = logits[i] - expected[i];
    largest = std::max(largest, std::abs(difference));
    noise += difference * difference;
    signal += expected[i] * expected[i];
  }
  return {std::isnan(noise) ? noise : largest, std::sqrt(noise / signal)};
}

std::string InATestName(std::string checkpoint) {
  std::erase(checkpoint, '-');
  return checkpoint;
}

}  // namespace roberta::profiles_test
