#pragma once

#include <cstddef>

#include "profiles/kernels/isa.h"
#include "profiles/kernels/passes.h"

namespace roberta::kernels {

/// The instruction set whose passes are the fastest on this host, measured once, in a few milliseconds, at the first
/// call: the widest one is not always.
Isa FastestIsa();

/// Attention whose products are of bfloat16 and summed up in float32, or nullptr where this host has none for heads of
/// that size. Softmax is float32.
AttentionPass MixedAttentionFor(size_t head_size);

/// MixedAttentionFor where a measurement of a few milliseconds with heads of that size finds it faster than the float32
/// one; otherwise that of PassesFor(FastestIsa()).
AttentionPass FastestMixedAttention(size_t head_size);

}  // namespace roberta::kernels
