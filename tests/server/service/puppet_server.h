#pragma once

#include <gtest/gtest.h>

#include <future>
#include <memory>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "server/batching/executors.h"
#include "server/call/failure_reason.h"
#include "server/request_log/request_log.h"
#include "server/service/admission_control.h"
#include "server/service/classification.h"
#include "server/service/classify_stream.h"
#include "server/service/comparison.h"
#include "server/service/profile_backend.h"
#include "tests/server/service/puppet_profile.h"
#include "tests/test_paths.h"

namespace roberta::service {

/// The demo model's checkpoint and tokenizer, with a puppet as `baseline` and perhaps another one as the less accurate
/// `quantized`, which else is not ready, as every other profile is.
class PuppetRegistry final : public registry::Registry {
 public:
  explicit PuppetRegistry(std::shared_ptr<const encoder::Profile> baseline,
                          std::shared_ptr<const encoder::Profile> quantized = nullptr)
      : baseline_(std::move(baseline)), quantized_(std::move(quantized)) {}

  /// Makes `quantized` READY, or, by nullptr, not. Not while calls are under way.
  void SetQuantized(std::shared_ptr<const encoder::Profile> quantized) {
    quantized_ = std::move(quantized);
    MakeBackends(metrics_);
  }
  /// Gives the profiles the backends that loading gives to real ones.
  void MakeBackends(metrics::ServerMetrics* metrics) {
    metrics_ = metrics;
    if (metrics == nullptr) return;
    const auto labels = static_cast<size_t>(checkpoint().config().num_labels());
    const auto backend_of = [&](const std::string& name) -> std::shared_ptr<const ProfileBackend> {
      auto profile = Get(name);
      if (!profile.ok()) return nullptr;
      profile->attachment = nullptr;
      return std::make_shared<const ProfileBackend>(*std::move(profile), labels, metrics);
    };
    baseline_backend_ = backend_of("baseline");
    quantized_backend_ = backend_of("quantized");
  }

  void Observe(registry::Observer*) override {}
  const std::vector<std::string>& names() const override { return names_; }
  const std::string& baseline_name() const override { return names_.front(); }
  std::string default_profile() const override { return names_.front(); }
  absl::Status Load(std::string_view) override { return absl::OkStatus(); }
  absl::StatusOr<std::shared_ptr<const encoder::Profile>> Unload(std::string_view, const std::string&) override {
    return nullptr;
  }
  absl::Status SetDefault(std::string_view) override { return absl::OkStatus(); }
  absl::StatusOr<registry::LoadedProfile> Get(std::string_view name) const override {
    if (name == "baseline")
      return registry::LoadedProfile{"baseline", "puppet-revision", 0, baseline_, baseline_backend_};
    if (name == "quantized" && quantized_ != nullptr) {
      return registry::LoadedProfile{"quantized", "q", 1, quantized_, quantized_backend_};
    }
    return absl::FailedPreconditionError("profile is not ready: gate failed");
  }
  absl::StatusOr<registry::LoadedProfile> GetDefault() const override { return Get("baseline"); }
  std::vector<registry::ProfileStatus> List() const override {
    return {StatusOf(names_[0]).value(), StatusOf(names_[1]).value()};
  }
  absl::StatusOr<registry::ProfileStatus> StatusOf(std::string_view name) const override {
    registry::ProfileStatus status;
    status.name = name;
    const bool ready = name == "baseline" || quantized_ != nullptr;
    status.state = ready ? registry::ProfileState::kReady : registry::ProfileState::kFailed;
    status.quality.emplace();
    status.quality->accuracy = name == "baseline" ? 0.9 : 0.8;
    status.quality->agreement = name == "baseline" ? 1 : 0.95;
    return status;
  }
  const checkpoint::Checkpoint& checkpoint() const override { return *Demo().checkpoint; }
  const tokenizer::Tokenizer& tokenizer() const override { return *Demo().tokenizer; }

 private:
  struct Model {
    std::unique_ptr<const checkpoint::Checkpoint> checkpoint;
    std::unique_ptr<const tokenizer::Tokenizer> tokenizer;
  };
  /// Read once for all tests of a program: it never changes, and under sanitizers that takes longer than most of them.
  static const Model& Demo() {
    static const Model model = [] {
      const std::string directory = test_paths::InRepository("models/demo-sst2");
      return Model{checkpoint::Checkpoint::Open(directory).value(), tokenizer::Tokenizer::Load(directory).value()};
    }();
    return model;
  }

  const std::vector<std::string> names_ = {"baseline", "quantized"};
  std::shared_ptr<const encoder::Profile> baseline_;
  std::shared_ptr<const encoder::Profile> quantized_;
  std::shared_ptr<const ProfileBackend> baseline_backend_, quantized_backend_;
  metrics::ServerMetrics* metrics_ = nullptr;
};

/// The service, without gRPC, around a puppet profile.
struct PuppetServer {
  explicit PuppetServer(std::shared_ptr<const encoder::Profile> baseline = std::make_shared<PuppetProfile>(),
                        size_t capacity = 64, batching::BatchQueueOptions queue_options = {},
                        size_t executor_threads = 1, std::shared_ptr<const encoder::Profile> quantized = nullptr)
      : registry(std::move(baseline), std::move(quantized)),
        permits(capacity),
        predictor(
            QueueProfiles(registry.names()),
            {.executors = executor_threads, .policy = {.max_batch_tokens = kMaxBatchTokens, .long_item_tokens = 0}}),
        queue(Completed(queue_options, executor_threads)),
        admission({.max_tokens = 512,
                   .capacity_items = queue_options.capacity_items,
                   .capacity_tokens = queue_options.capacity_tokens,
                   .profiles = registry.names()},
                  &predictor, &metrics.admission()),
        executors(&queue, executor_threads) {
    registry.MakeBackends(&metrics);
    concurrency.SetReady();
  }
  ~PuppetServer() { EXPECT_TRUE(permits.WaitUntilIdle(std::chrono::seconds(60))); }

  static std::shared_ptr<ClassifyCall> Call(const std::vector<std::string>& texts) {
    auto call = std::make_shared<ClassifyCall>(call::PhaseClock::Clock::now());
    for (const std::string& text : texts) call->request.add_items()->set_text(text);
    return call;
  }

  /// Starts `call` and hands over its outcome when it ends.
  std::future<CallOutcome> Start(const std::shared_ptr<ClassifyCall>& call) {
    auto promise = std::make_shared<std::promise<CallOutcome>>();
    call->done = [promise](CallOutcome& outcome) { promise->set_value(outcome); };
    classification.Start(call);
    return promise->get_future();
  }
  CallOutcome Run(const std::shared_ptr<ClassifyCall>& call) { return Start(call).get(); }
  /// Starts a call of normal priority for the baseline and returns when it waits in the queue, or has ended: on a busy
  /// machine its deadline may pass before.
  std::future<CallOutcome> StartWaiting(const std::shared_ptr<ClassifyCall>& call) {
    const auto waiting = [&] { return queue.depth().items[0][static_cast<size_t>(call::Priority::kNormal)]; };
    const size_t before = waiting();
    std::future<CallOutcome> outcome = Start(call);
    while (waiting() == before && outcome.wait_for(std::chrono::seconds(0)) != std::future_status::ready) {
      std::this_thread::yield();
    }
    return outcome;
  }

  /// What the log has of the calls that have ended: members of JSON objects. No call may come after.
  const std::vector<std::string>& CloseLog() {
    EXPECT_TRUE(permits.WaitUntilIdle(std::chrono::seconds(60)));
    log.reset();
    return lines;
  }

  PuppetRegistry registry;
  admission::Permits permits;
  admission::WaitPredictor predictor;
  ConcurrencyLimit concurrency{&permits, &predictor};
  batching::BatchQueue queue;
  metrics::ServerMetrics metrics{{.profiles = registry.names(), .failure_reasons = call::FailureReasonNames()}};
  AdmissionControl admission;
  std::vector<std::string> lines;
  std::unique_ptr<request_log::RequestLog> log = std::make_unique<request_log::RequestLog>(
      request_log::RequestLog::Options{.every_call = true, .format = request_log::Format::kJson},
      [this](request_log::Level, std::string_view line) { lines.emplace_back(line); });
  Parts parts{.model_name = "puppet",
              .limits = {.max_items = 1000, .max_item_characters = 100000},
              .registry = &registry,
              .concurrency = &concurrency,
              .admission = &admission,
              .tokenizers = &tokenizers,
              .queue = &queue,
              .metrics = &metrics,
              .log = log.get()};
  Classification classification{parts};
  ClassifyStreams streams{&classification, parts, {.items_in_flight = 64}};
  Comparison comparison{parts};
  batching::WorkerPool tokenizers{1};
  batching::Executors executors;

 private:
  static constexpr size_t kMaxBatchTokens = 16;

  batching::BatchQueueOptions Completed(batching::BatchQueueOptions options, size_t executor_threads) {
    options.executors = executor_threads;
    options.profiles = QueueProfiles(registry.names());
    options.policy.max_batch_tokens = kMaxBatchTokens;
    options.observer = &predictor;
    return options;
  }
};

}  // namespace roberta::service
