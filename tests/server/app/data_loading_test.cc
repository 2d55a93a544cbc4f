// The same texts through the real server, however its batches are loaded.
#include <gmock/gmock.h>

#include <future>
#include <vector>

#include "tests/server/app/running_server.h"

namespace roberta::app {
namespace {

constexpr const char* kProfiles[] = {"baseline", "quantized", "pruned", "amp", "integrated", "reference"};

config::ServerConfig ConfigOf(const std::string& strategy, bool prefetch) {
  config::ServerConfig config = DemoConfig();
  for (config::Profile& profile : *config.mutable_profiles()) {
    profile.mutable_data_loading()->set_strategy(strategy);
    profile.mutable_data_loading()->set_prefetch(prefetch);
    profile.mutable_data_loading()->set_max_batch_tokens(128);
  }
  return config;
}

/// Texts of very different lengths, which share batches.
v1::ClassifyRequest RequestOf(const std::string& profile) {
  v1::ClassifyRequest request;
  request.set_profile(profile);
  request.set_return_logits(true);
  for (int i = 0; i < 24; ++i) {
    std::string text = i % 2 == 0 ? "a warm film" : "a dull mess";
    for (int k = 0; k < i * i % 17; ++k) text += " and then more of the same";
    request.add_items()->set_text(text);
  }
  return request;
}

std::vector<float> LogitsOf(RunningServer& running, const std::string& profile) {
  const RunningServer::Answer answer = running.Classify(RequestOf(profile));
  EXPECT_TRUE(answer.status.ok()) << answer.status.error_message();
  std::vector<float> logits;
  for (const v1::ItemResult& result : answer.response.results()) {
    logits.insert(logits.end(), result.classification().logits().begin(), result.classification().logits().end());
  }
  return logits;
}

/// What the six profiles answer, each to several calls at once.
std::vector<std::vector<float>> AnswersOf(const std::string& strategy, bool prefetch) {
  config::ServerConfig config = ConfigOf(strategy, prefetch);
  for (config::Profile& profile : *config.mutable_profiles()) profile.set_load(true);
  RunningServer running(config);
  std::vector<std::vector<float>> answers;
  for (const char* profile : kProfiles) {
    std::vector<std::future<std::vector<float>>> calls;
    for (int i = 0; i < 3; ++i) {
      calls.push_back(std::async(std::launch::async, [&] { return LogitsOf(running, profile); }));
    }
    for (auto& call : calls) answers.push_back(call.get());
  }
  return answers;
}

TEST(DataLoading, EveryStrategyGivesTheSameAnswersInEveryProfile) {
  const std::vector<std::vector<float>> packed = AnswersOf("packed", false);
  for (const auto& [strategy, prefetch] : {std::pair("padded", false), std::pair("bucketed", false),
                                           std::pair("packed", true), std::pair("bucketed", true)}) {
    const std::vector<std::vector<float>> others = AnswersOf(strategy, prefetch);
    ASSERT_EQ(others.size(), packed.size());
    for (size_t call = 0; call < packed.size(); ++call) {
      const std::string profile = kProfiles[call / 3];
      const bool is_exact = profile == "quantized" || profile == "integrated";
      ASSERT_EQ(others[call].size(), 48u);
      for (size_t i = 0; i < 48; ++i) {
        ASSERT_NEAR(others[call][i], packed[call][i], is_exact ? 0 : 1e-4) << profile << ", " << strategy << ", " << i;
      }
    }
  }
}

}  // namespace
}  // namespace roberta::app
