#include "server/app/options.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <chrono>
#include <random>
#include <utility>

#include "profiles/machine/cores.h"
#include "server/config/checks.h"
#include "server/config/server_config.h"
#include "server/service/profile_backend.h"
#include "server/transport/http_routes.h"

namespace roberta::app {

using admission::BrownOut;
using std::chrono::milliseconds;

namespace {

quality::Gate ToGate(const config::Gate& gate) {
  quality::Gate limits;
  if (gate.has_min_agreement()) limits.min_agreement = gate.min_agreement();
  if (gate.has_max_mean_abs_dp()) limits.max_mean_abs_dp = gate.max_mean_abs_dp();
  if (gate.has_max_accuracy_drop_points()) limits.max_accuracy_drop_points = gate.max_accuracy_drop_points();
  return limits;
}

/// More helpers hardly make a batch faster, because they wait for one another after every step.
constexpr size_t kMostHelpers = 7;

/// `execution` limits batches where the entry itself does not.
batching::DataLoading ToDataLoading(const config::DataLoading& config, const config::Execution& execution) {
  batching::DataLoading loading = {.prefetch = config.prefetch()};
  const auto& strategies = batching::kLoadingStrategyNames;
  const auto strategy = std::ranges::find(strategies, config.strategy());
  if (strategy != strategies.end()) {
    loading.strategy = static_cast<batching::LoadingStrategy>(strategy - strategies.begin());
  }
  if (execution.has_max_batch_tokens()) loading.max_batch_tokens = execution.max_batch_tokens();
  if (config.has_max_batch_tokens()) loading.max_batch_tokens = config.max_batch_tokens();
  return loading;
}

/// [profiles of the queue]
std::vector<batching::DataLoading> ToLoading(const config::ServerConfig& config,
                                             const std::vector<std::string>& names) {
  std::vector<batching::DataLoading> loading(service::QueueProfiles(names), ToDataLoading({}, config.execution()));
  for (const config::Profile& profile : config.profiles()) {
    const auto name = std::ranges::find(names, profile.name());
    if (name == names.end()) continue;
    loading[static_cast<size_t>(name - names.begin())] = ToDataLoading(profile.data_loading(), config.execution());
  }
  return loading;
}

batching::PolicyOptions ToPolicy(const config::ServerConfig& config) {
  batching::PolicyOptions policy;
  policy.max_batch_tokens = config::MaxBatchTokens(config.execution());
  policy.long_item_tokens = config.execution().long_item_tokens();
  return policy;
}

void LogChange(const BrownOut::Change& change) {
  const double pressure_ms = std::chrono::duration<double, std::milli>(change.pressure).count();
  switch (change.cause) {
    case BrownOut::Cause::kPressure:
      return spdlog::warn("brown-out: from level {} to {}: pressure lasts, {:.0f} ms of work wait", change.from,
                          change.to, pressure_ms);
    case BrownOut::Cause::kRelief:
      return spdlog::info("brown-out: from level {} to {}: pressure is gone", change.from, change.to);
    case BrownOut::Cause::kLostStep:
      return spdlog::warn("brown-out: from level {} to {}: a profile of the ladder is no longer READY", change.from,
                          change.to);
  }
}

}  // namespace

std::vector<machine::MemoryUse> ReadMemory(const config::ServerConfig& config) {
  return machine::ReadMemory({}, uint64_t{config.memory().limit_mib()} << 20, "memory.limit_mib");
}

void FitToMemory(const std::vector<machine::MemoryUse>& uses, config::ServerConfig* config) {
  constexpr uint64_t kUsual = 512u << 20, kLeast = 16u << 20, kPartForMessages = 8;
  if (config->limits().has_max_buffered_bytes()) return;
  const uint64_t part = machine::SmallestLimit(uses).limit_bytes / kPartForMessages;
  config->mutable_limits()->set_max_buffered_bytes(static_cast<uint32_t>(std::clamp(part, kLeast, kUsual)));
}

registry::RegistryOptions ToRegistryOptions(const config::ServerConfig& config,
                                            const std::shared_ptr<const LoadThreads>& threads) {
  registry::RegistryOptions options;
  options.warn = [](const std::string& line) { spdlog::warn("{}", line); };
  options.has_room = [config](int64_t bytes) {
    return service::CheckRoom(ReadMemory(config), bytes, config.memory().unload_at());
  };
  options.directory = config.model().directory();
  options.sample_file = config.model().sample_file();
  options.default_profile = config.default_profile();
  options.executors = config.execution().executors();
  options.run_all = [threads](size_t count, const std::function<void(size_t)>& task) {
    machine::RunOnThreads(threads->sample, count, task);
  };
  options.pack_threads = [threads] { return threads->packing.load(); };
  for (const config::Profile& profile : config.profiles()) {
    registry::ProfileSpec spec;
    spec.name = profile.name();
    spec.recipe = profile.recipe();
    spec.directory = profile.directory();
    if (profile.has_keep_macs()) spec.keep_macs = profile.keep_macs();
    spec.calibration_file = profile.calibration_file();
    spec.gate = ToGate(profile.gate());
    options.profiles.push_back(std::move(spec));
  }
  return options;
}

std::vector<config::KnownRecipe> KnownRecipes() {
  std::vector<config::KnownRecipe> recipes;
  for (const registry::Recipe& recipe : registry::BuiltInRecipes()) {
    recipes.push_back({recipe.name, recipe.prunes, recipe.smooths, recipe.is_loaded_by_default, recipe.always_pads});
  }
  return recipes;
}

std::vector<std::string> LoadOrder(const config::ServerConfig& config) {
  std::vector<std::string> order;
  const auto rank = [&](const config::Profile& profile) {
    if (profile.recipe() == registry::kBaseline && profile.directory().empty()) return 0;
    return profile.name() == config.default_profile() ? 1 : 2;
  };
  for (int wanted = 0; wanted <= 2; ++wanted) {
    for (const config::Profile& profile : config.profiles()) {
      if (profile.load() && rank(profile) == wanted) order.push_back(profile.name());
    }
  }
  return order;
}

batching::BatchQueueOptions ToQueueOptions(const config::ServerConfig& config, const std::vector<std::string>& names) {
  batching::BatchQueueOptions options;
  options.profiles = service::QueueProfiles(names);
  options.executors = config.execution().executors();
  options.capacity_items = config.execution().queue_capacity_items();
  options.capacity_tokens = config.execution().queue_capacity_tokens();
  if (config.execution().split_lone_requests()) {
    options.most_helpers = std::min<size_t>(config.execution().executors() - 1, kMostHelpers);
  }
  options.policy = ToPolicy(config);
  options.loading = ToLoading(config, names);
  return options;
}

admission::Discipline ToDiscipline(const config::ServerConfig& config, const std::vector<std::string>& names) {
  return {.executors = config.execution().executors(),
          .split_lone_batches = config.execution().split_lone_requests(),
          .policy = ToPolicy(config),
          .loading = ToLoading(config, names)};
}

service::AdmissionOptions ToAdmissionOptions(const config::ServerConfig& config, const std::vector<std::string>& names,
                                             size_t max_tokens) {
  return {.predictive = config.execution().predictive_admission(),
          .max_tokens = max_tokens,
          .capacity_items = config.execution().queue_capacity_items(),
          .capacity_tokens = config.execution().queue_capacity_tokens(),
          .streams = config.limits().max_concurrent_streams(),
          .caller_share = config.limits().max_caller_share(),
          .caller_items_per_second = static_cast<double>(config.limits().caller_items_per_second()),
          .profiles = names};
}

service::ParkingOptions ToParkingOptions(const config::ServerConfig& config) {
  // Of a refusal that arrives alone and wakes threads; of many at a time it is half as much.
  constexpr std::chrono::microseconds kCostOfRefusal(50);
  constexpr int kPartOfCores = 10;
  return {.capacity = config.limits().max_parked_refusals(),
          .capacity_per_connection = config.limits().max_concurrent_streams() / 2,
          .interval = kPartOfCores * std::chrono::nanoseconds(kCostOfRefusal) / machine::ReadCpuBudget().usable()};
}

service::MemoryGuardOptions ToMemoryGuardOptions(const config::ServerConfig& config) {
  return {.unload_at = config.memory().unload_at(),
          .refuse_at = config.memory().refuse_at(),
          .large_call_tokens = config::MaxBatchTokens(config.execution()),
          .read = [config] { return ReadMemory(config); },
          .warn = [](const std::string& line) { spdlog::warn("{}", line); }};
}

http::Options ToHttpOptions(const config::ServerConfig& config) {
  const config::Limits& limits = config.limits();
  http::Options options = {.host = config.listen().host(),
                           .port = static_cast<uint16_t>(config.listen().http_port()),
                           .purpose = "for HTTP",
                           .only_loopback = config::IsLoopbackHost(config.listen().host()),
                           .max_connections = limits.max_connections(),
                           .max_connections_per_peer = limits.max_connections_per_peer(),
                           .max_head_bytes = limits.max_metadata_bytes(),
                           .max_body_bytes = limits.max_message_bytes(),
                           .max_buffered_bytes = limits.max_buffered_bytes(),
                           .handshake_timeout = milliseconds(limits.handshake_timeout_ms()),
                           .head_timeout = milliseconds(limits.handshake_timeout_ms()),
                           .body_timeout = milliseconds(limits.request_timeout_ms()),
                           .write_timeout = milliseconds(limits.stream_write_timeout_ms())};
  options.error_response = transport::TransportError;
  return options;
}

std::unique_ptr<service::BrownOutLadder> MakeBrownOut(const config::ServerConfig& config, const service::Parts& parts) {
  const config::BrownOut& entry = config.brown_out();
  if (!entry.enabled()) return nullptr;
  service::BrownOutLadderOptions options;
  options.profiles.assign(entry.ladder().begin(), entry.ladder().end());
  options.executors = config.execution().executors();
  options.thresholds = {.step_down_at = milliseconds(entry.step_down_at_ms()),
                        .step_down_after = milliseconds(entry.step_down_after_ms()),
                        .step_up_at = milliseconds(entry.step_up_at_ms()),
                        .step_up_after = milliseconds(entry.step_up_after_ms())};
  return std::make_unique<service::BrownOutLadder>(std::move(options), parts, LogChange);
}

std::unique_ptr<service::ShadowTraffic> MakeShadow(const config::ServerConfig& config, const service::Parts& parts) {
  const config::Shadow& entry = config.shadow();
  if (entry.fraction() == 0) return nullptr;
  return std::make_unique<service::ShadowTraffic>(
      service::ShadowOptions{.profile = entry.profile(),
                             .fraction = entry.fraction(),
                             .max_items_in_flight = entry.max_items_in_flight(),
                             .seed = std::random_device()()},
      parts);
}

}  // namespace roberta::app
