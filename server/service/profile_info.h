#pragma once

#include "profiles/registry/registry.h"
#include "roberta/v1/profiles.pb.h"

namespace roberta::service {

/// What the registry knows of a profile, as clients read it. What was not measured is absent.
v1::ProfileInfo ToProto(const registry::ProfileStatus& status);

}  // namespace roberta::service
