#pragma once

#include <memory>

#include "config/server_config.pb.h"
#include "server/service/brown_out_ladder.h"
#include "server/service/shadow_traffic.h"

namespace roberta::app {

/// The brown-out of a config that config::ValidateConfig accepted, whose changes are logged; nullptr if it is off.
std::unique_ptr<service::BrownOutLadder> MakeBrownOut(const config::ServerConfig& config,
                                                      const service::BrownOutLadder::Parts& parts);

/// The shadow traffic of such a config, of calls chosen by chance; nullptr if it is off.
std::unique_ptr<service::ShadowTraffic> MakeShadow(const config::ServerConfig& config,
                                                   const service::ShadowTraffic::Parts& parts);

}  // namespace roberta::app
