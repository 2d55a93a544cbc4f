#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>

#include "profiles/registry/registry.h"
#include "server/batching/batch_queue.h"
#include "server/metrics/server_metrics.h"
#include "server/transport/health.h"

namespace roberta::app {

/// Keeps health (`profile/<name>`), metrics, the queue's cost and size of batches and the log up to date with the
/// registry, and makes the backend of each profile that is loaded. Any thread may call.
class ProfileReporter final : public registry::Observer {
 public:
  /// All must outlive this. `executors` is what expected_tokens_per_second is for; `splits`: they help each other, with
  /// the profiles where a measurement at load finds that it pays.
  ProfileReporter(const registry::Registry* registry, metrics::ServerMetrics* metrics, batching::BatchQueue* queue,
                  transport::HealthService* health, size_t executors, bool splits);

  void StepEnded(std::string_view profile, const registry::LoadStep& step) override;
  std::shared_ptr<const void> Loaded(const registry::LoadedProfile& profile) override;
  void Changed(std::string_view profile) override;

 private:
  void Report(const registry::ProfileStatus& status);
  void SeedCost(const registry::ProfileStatus& status);

  const registry::Registry* const registry_;
  metrics::ServerMetrics* const metrics_;
  batching::BatchQueue* const queue_;
  transport::HealthService* const health_;
  const size_t executors_;
  const bool splits_;
  std::mutex mutex_;  // held from reading a status to reporting it, so that the last report is right
  std::map<std::string, std::string, std::less<>> logged_;  // guarded by mutex_: the last line of each profile
};

/// One line on what a profile is: what was chosen for it and how good and fast it is, or why it is not there.
std::string ProfileLine(const registry::ProfileStatus& status);

}  // namespace roberta::app
