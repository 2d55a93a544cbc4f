#include "server/app/queue_options.h"

#include <algorithm>

namespace roberta::app {

namespace {

/// More of them hardly make a batch faster: they wait for one another after every step.
constexpr size_t kMostHelpers = 7;

batching::DataLoading ToDataLoading(const config::DataLoading& config) {
  batching::DataLoading loading = {.prefetch = config.prefetch()};
  const auto& strategies = batching::kLoadingStrategyNames;
  const auto strategy = std::find(strategies.begin(), strategies.end(), config.strategy());
  if (strategy != strategies.end()) {
    loading.strategy = static_cast<batching::LoadingStrategy>(strategy - strategies.begin());
  }
  if (config.has_max_batch_tokens()) loading.max_batch_tokens = config.max_batch_tokens();
  return loading;
}

}  // namespace

batching::BatchQueueOptions ToQueueOptions(const config::ServerConfig& config, const std::vector<std::string>& names) {
  batching::BatchQueueOptions options;
  options.profiles = names.size() + 1;
  options.capacity_items = config.execution().queue_capacity_items();
  options.capacity_tokens = config.execution().queue_capacity_tokens();
  if (config.execution().split_lone_requests()) {
    options.most_helpers = std::min<size_t>(config.execution().executors() - 1, kMostHelpers);
  }
  options.policy.max_batch_tokens = config.execution().max_batch_tokens();
  options.policy.long_item_tokens = config.execution().long_item_tokens();
  options.loading.resize(names.size());
  for (const config::Profile& profile : config.profiles()) {
    const auto name = std::find(names.begin(), names.end(), profile.name());
    if (name == names.end()) continue;
    options.loading[static_cast<size_t>(name - names.begin())] = ToDataLoading(profile.data_loading());
  }
  return options;
}

}  // namespace roberta::app
