#pragma once

#include "profiles/kernels/isa.h"

namespace roberta::kernels {

/// The instruction set whose passes are the fastest on this host, measured once, in a few milliseconds, at the first
/// call: the widest one is not always.
Isa FastestIsa();

}  // namespace roberta::kernels
