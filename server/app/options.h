#pragma once

#include <atomic>
#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "config/server_config.pb.h"
#include "profiles/machine/memory.h"
#include "profiles/registry/registry.h"
#include "server/admission/estimates.h"
#include "server/batching/batch_queue.h"
#include "server/config/profile_entries.h"
#include "server/http/server.h"
#include "server/service/admission_control.h"
#include "server/service/brown_out.h"
#include "server/service/memory_guard.h"
#include "server/service/parked_refusals.h"
#include "server/service/shadow_traffic.h"

namespace roberta::app {

/// Reads the limits on memory, with that of the config; see machine::ReadMemory.
std::vector<machine::MemoryUse> ReadMemory(const config::ServerConfig& config);

/// Where the config says nothing: less room for messages if there is little memory. Before config::CompleteConfig.
void FitToMemory(const std::vector<machine::MemoryUse>& uses, config::ServerConfig* config);

/// More would hardly be faster, as memory is what packing waits for, and each takes memory for a matrix.
inline constexpr size_t kMostPackingThreads = 8;

/// How many threads a load takes for each of its parts.
struct LoadThreads {
  std::atomic<size_t> packing{1}, sample{1};
};

/// The registry's options by a config that config::ValidateConfig accepted. A load takes as many threads as `threads`
/// holds then.
registry::RegistryOptions ToRegistryOptions(const config::ServerConfig& config,
                                            const std::shared_ptr<const LoadThreads>& threads);

/// The recipes that this server was built with, for config::ValidateConfig.
std::vector<config::KnownRecipe> KnownRecipes();

/// The names of the profiles to load at start: the baseline first, because others are compared with it; then the
/// default, so that a server that cannot start fails early; then the rest as configured.
std::vector<std::string> LoadOrder(const config::ServerConfig& config);

// How calls are admitted, queued and run, by a config that config::ValidateConfig accepted.

/// `names` are the profiles of the registry; see service::QueueProfiles.
batching::BatchQueueOptions ToQueueOptions(const config::ServerConfig& config, const std::vector<std::string>& names);

/// What prediction assumes of the queue: its own policy.
admission::Discipline ToDiscipline(const config::ServerConfig& config, const std::vector<std::string>& names);

/// `max_tokens` is the limit of an item.
service::AdmissionOptions ToAdmissionOptions(const config::ServerConfig& config, const std::vector<std::string>& names,
                                             size_t max_tokens);

/// How refusals wait: so that they take a tenth of the cores.
service::ParkingOptions ToParkingOptions(const config::ServerConfig& config);

/// What it does is logged.
service::MemoryGuardOptions ToMemoryGuardOptions(const config::ServerConfig& config);

/// How JSON over HTTP is served.
http::Options ToHttpOptions(const config::ServerConfig& config);

/// Its changes are logged. nullptr if brown-out is off.
std::unique_ptr<service::BrownOutLadder> MakeBrownOut(const config::ServerConfig& config, const service::Parts& parts);

/// Chooses calls at random. nullptr if shadow traffic is off.
std::unique_ptr<service::ShadowTraffic> MakeShadow(const config::ServerConfig& config, const service::Parts& parts);

}  // namespace roberta::app
