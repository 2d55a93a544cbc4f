#pragma once

namespace roberta::runner {

/// CPU time that this process has used, in user and kernel mode.
double CpuSeconds();

/// Cores that this process may run on.
int UsableCores();

}  // namespace roberta::runner
