#pragma once

namespace roberta::reference {

/// Makes LibTorch's operations run on the calling thread alone, and OpenBLAS, if LibTorch found it, as well: executors
/// provide the parallelism, and thread pools below them spin against each other. Cheap after the first call of a
/// thread.
void RunOnCallingThreadOnly();

}  // namespace roberta::reference
