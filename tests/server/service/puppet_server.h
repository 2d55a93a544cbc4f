#pragma once

#include <gtest/gtest.h>

#include <future>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "server/service/classification_core.h"
#include "tests/server/service/puppet_profile.h"
#include "tests/test_paths.h"

namespace roberta::service {

/// The demo model's checkpoint and tokenizer, with a puppet as `baseline`; every other profile is not ready.
class PuppetRegistry final : public registry::Registry {
 public:
  explicit PuppetRegistry(std::shared_ptr<const encoder::Profile> baseline) : baseline_(std::move(baseline)) {
    const std::string directory = test_paths::InRepository("models/demo-sst2");
    checkpoint_ = checkpoint::Checkpoint::Open(directory).value();
    tokenizer_ = tokenizer::Tokenizer::Load(directory).value();
  }

  absl::Status Load(std::string_view) override { return absl::OkStatus(); }
  absl::StatusOr<registry::LoadedProfile> Get(std::string_view name) const override {
    if (name == "baseline") return registry::LoadedProfile{"baseline", "puppet-revision", baseline_};
    return absl::FailedPreconditionError("profile is not ready: gate failed");
  }
  std::vector<registry::ProfileStatus> List() const override { return {}; }
  const checkpoint::Checkpoint& checkpoint() const override { return *checkpoint_; }
  const tokenizer::Tokenizer& tokenizer() const override { return *tokenizer_; }

 private:
  std::shared_ptr<const encoder::Profile> baseline_;
  std::unique_ptr<const checkpoint::Checkpoint> checkpoint_;
  std::unique_ptr<const tokenizer::Tokenizer> tokenizer_;
};

/// A classification core with pools of its own around a puppet profile.
struct PuppetServer {
  explicit PuppetServer(std::shared_ptr<const encoder::Profile> baseline = std::make_shared<PuppetProfile>(),
                        size_t capacity = 64)
      : registry(std::move(baseline)), permits(capacity) {
    core.SetReady();
  }
  ~PuppetServer() { EXPECT_TRUE(permits.WaitUntilIdle(std::chrono::seconds(60))); }

  static std::shared_ptr<ClassifyCall> Call(const std::vector<std::string>& texts) {
    auto call = std::make_shared<ClassifyCall>(metrics::PhaseClock::Clock::now());
    for (const std::string& text : texts) call->request.add_items()->set_text(text);
    return call;
  }

  /// Starts `call` and hands over its outcome when it ends.
  std::future<CallOutcome> Start(const std::shared_ptr<ClassifyCall>& call) {
    auto promise = std::make_shared<std::promise<CallOutcome>>();
    call->done = [promise](CallOutcome& outcome) { promise->set_value(outcome); };
    core.Start(call);
    return promise->get_future();
  }
  CallOutcome Run(const std::shared_ptr<ClassifyCall>& call) { return Start(call).get(); }

  PuppetRegistry registry;
  admission::Permits permits;
  metrics::ServerMetrics metrics{registry::Registry::KnownNames()};
  ClassificationCore core{{.model_name = "puppet",
                           .default_profile = "baseline",
                           .limits = {.max_items = 1000, .max_item_characters = 100000},
                           .max_batch_tokens = 16},
                          {&registry, &permits, &tokenizers, &executors, &metrics}};
  batching::WorkerPool tokenizers{1};
  batching::WorkerPool executors{1};
};

}  // namespace roberta::service
