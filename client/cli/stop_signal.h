#pragma once

namespace roberta::cli {

/// From now on SIGINT and SIGTERM only set a flag and end waits in system calls; the next one kills.
void CatchStopSignals();
bool StopRequested();

}  // namespace roberta::cli
