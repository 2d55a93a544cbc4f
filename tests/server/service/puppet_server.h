#pragma once

#include <gtest/gtest.h>

#include <future>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "server/service/classification_core.h"
#include "server/service/comparison_core.h"
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

  void Observe(registry::Observer*) override {}
  const std::vector<std::string>& names() const override { return names_; }
  const std::string& baseline_name() const override { return names_.front(); }
  std::string default_profile() const override { return names_.front(); }
  absl::Status Load(std::string_view) override { return absl::OkStatus(); }
  absl::StatusOr<std::shared_ptr<const encoder::Profile>> Unload(std::string_view) override { return nullptr; }
  absl::Status SetDefault(std::string_view) override { return absl::OkStatus(); }
  absl::StatusOr<registry::LoadedProfile> Get(std::string_view name) const override {
    if (name == "baseline") return registry::LoadedProfile{"baseline", "puppet-revision", baseline_};
    return absl::FailedPreconditionError("profile is not ready: gate failed");
  }
  absl::StatusOr<registry::LoadedProfile> GetDefault() const override { return Get("baseline"); }
  std::vector<registry::ProfileStatus> List() const override {
    return {StatusOf(names_[0]).value(), StatusOf(names_[1]).value()};
  }
  absl::StatusOr<registry::ProfileStatus> StatusOf(std::string_view name) const override {
    registry::ProfileStatus status;
    status.name = name;
    status.state = name == "baseline" ? registry::ProfileState::kReady : registry::ProfileState::kFailed;
    return status;
  }
  const checkpoint::Checkpoint& checkpoint() const override { return *checkpoint_; }
  const tokenizer::Tokenizer& tokenizer() const override { return *tokenizer_; }

 private:
  const std::vector<std::string> names_ = {"baseline", "quantized"};
  std::shared_ptr<const encoder::Profile> baseline_;
  std::unique_ptr<const checkpoint::Checkpoint> checkpoint_;
  std::unique_ptr<const tokenizer::Tokenizer> tokenizer_;
};

/// A classification core with pools of its own around a puppet profile.
struct PuppetServer {
  explicit PuppetServer(std::shared_ptr<const encoder::Profile> baseline = std::make_shared<PuppetProfile>(),
                        size_t capacity = 64)
      : registry(std::move(baseline)), permits(capacity) {
    entrance.SetReady();
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
  Entrance entrance{&permits};
  metrics::ServerMetrics metrics{registry.names()};
  ClassificationCore core{
      {.model_name = "puppet", .limits = {.max_items = 1000, .max_item_characters = 100000}, .max_batch_tokens = 16},
      {&registry, &entrance, &tokenizers, &executors, &metrics}};
  ComparisonCore comparisons{"puppet",
                             {.max_items = 1000, .max_item_characters = 100000},
                             {&registry, &entrance, &tokenizers, &executors, &metrics}};
  batching::WorkerPool tokenizers{1};
  batching::WorkerPool executors{1};
};

}  // namespace roberta::service
