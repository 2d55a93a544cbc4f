#pragma once

#include <string>
#include <vector>

#include "config/server_config.pb.h"
#include "server/batching/batch_queue.h"

namespace roberta::app {

/// What the queue has to know of a config that config::ValidateConfig accepted. Its profiles are `names`, in that
/// order, and one more, for comparisons.
batching::BatchQueueOptions ToQueueOptions(const config::ServerConfig& config, const std::vector<std::string>& names);

}  // namespace roberta::app
