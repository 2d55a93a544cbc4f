#pragma once

namespace roberta::console {

/// From now on SIGINT and SIGTERM ask for a stop; the second one ends the program.
void CatchStopSignals();

bool StopRequested();

}  // namespace roberta::console
