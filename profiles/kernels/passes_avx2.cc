#define ROBERTA_ISA kAvx2
#define ROBERTA_LANES 8
#include "profiles/kernels/passes_body.h"

namespace roberta::kernels {

const Passes& Avx2Passes() {
  return kPasses;
}

}  // namespace roberta::kernels
