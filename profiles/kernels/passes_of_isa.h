#pragma once

#include "profiles/kernels/passes.h"

namespace roberta::kernels {

inline constexpr size_t kLongestVector = 16;  ///< floats
inline constexpr size_t kQueryRows = 4;       ///< queries that attention takes at a time

/// One of these is compiled from passes_body.h in each passes_<isa>.cc.
const Passes& PortablePasses();
const Passes& Avx2Passes();
const Passes& Avx512Passes();

/// Attention whose products are of bfloat16, for heads of a multiple of 32; needs HostHasAvx512Bf16().
void Avx512Bf16Attention(const AttentionArguments& arguments);

}  // namespace roberta::kernels
