#pragma once

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "profiles/registry/registry.h"

namespace roberta::service {

/// The READY profile that a request calls `name` in its `field`. Situations: kUnknownProfile with the list, whatever
/// bytes the name has; kProfileNotReady with the reason.
absl::StatusOr<registry::LoadedProfile> FindProfile(const registry::Registry& registry, const std::string& field,
                                                    const std::string& name);

/// OK if there is a profile of that name, READY or not; else kUnknownProfile with the list.
absl::Status CheckKnown(const registry::Registry& registry, const std::string& field, const std::string& name);

}  // namespace roberta::service
