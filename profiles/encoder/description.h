#pragma once

#include "profiles/encoder/packed_weights.h"
#include "profiles/encoder/profile.h"
#include "profiles/kernels/passes.h"

namespace roberta::encoder {

/// What a classifier of these weights and passes computes with, in words, and the memory of its packed weights alone.
/// `mixed_attention`: attention multiplies in bfloat16.
ProfileDescription Describe(const PackedWeights& weights, const kernels::Passes& passes, bool mixed_attention);

}  // namespace roberta::encoder
