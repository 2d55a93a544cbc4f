#pragma once

namespace roberta::console {

/// What roberta-loadtest ends with.
enum ExitCode {
  kValid = 0,
  kSomethingFailed = 1,  ///< a file, a profile, a server that ended at its start, or no request was answered
  kWrongUsage = 2,
  kServerUnreachable = 3,  ///< at the start or, for seconds, during the run
  kInvalid = 4,            ///< measured, but the program itself was the bottleneck
  kInterrupted = 130,      ///< 128 + SIGINT, as shells have it
};

}  // namespace roberta::console
