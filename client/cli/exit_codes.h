#pragma once

namespace roberta::cli {

/// What roberta-client ends with.
enum ExitCode {
  kAllWell = 0,
  kSomethingFailed = 1,  ///< an item, a file, or what was asked for
  kWrongUsage = 2,
  kServerUnreachable = 3,
  kInterrupted = 130,  ///< 128 + SIGINT, as shells have it
};

}  // namespace roberta::cli
