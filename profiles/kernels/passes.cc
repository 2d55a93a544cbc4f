#include "profiles/kernels/passes.h"

#include "profiles/kernels/passes_of_isa.h"

namespace roberta::kernels {

const Passes& PassesFor(Isa isa) {
#if defined(__x86_64__)
  if (isa == Isa::kAvx512) return Avx512Passes();
  if (isa == Isa::kAvx2) return Avx2Passes();
#endif
  return PortablePasses();
}

size_t AttentionScratchFloats(size_t longest, size_t head_size) {
  const size_t padded = (longest + kLongestVector - 1) / kLongestVector * kLongestVector;
  // Keys transposed, values, the scores of a block of queries, and a vector's worth of room behind each.
  return 2 * (padded + kLongestVector) * (head_size + kLongestVector) + kQueryRows * (padded + kLongestVector) +
         kQueryRows * (head_size + kLongestVector);
}

}  // namespace roberta::kernels
