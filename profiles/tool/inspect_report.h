#pragma once

#include <string>

#include "profiles/tool/findings.h"

namespace roberta::tool {

/// Both without a newline at the end.
std::string InspectJson(const Findings& findings);
std::string InspectText(const Findings& findings);

}  // namespace roberta::tool
