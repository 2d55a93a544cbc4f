#pragma once

#include <vector>

#include "config/server_config.pb.h"
#include "profiles/registry/registry.h"
#include "server/config/profile_entries.h"

namespace roberta::app {

/// What the registry has to know of a config that config::ValidateConfig accepted.
registry::RegistryOptions ToRegistryOptions(const config::ServerConfig& config);

/// The recipes that this server was built with, for config::ValidateConfig.
std::vector<config::KnownRecipe> KnownRecipes();

/// Names of the profiles to load at start: the baseline first, because others are compared with it, then the default,
/// so that a server which cannot start says so soon, then the rest as configured.
std::vector<std::string> LoadOrder(const config::ServerConfig& config);

}  // namespace roberta::app
