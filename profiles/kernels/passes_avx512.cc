#define ROBERTA_ISA kAvx512
#define ROBERTA_LANES 16
#include "profiles/kernels/passes_body.h"

namespace roberta::kernels {

const Passes& Avx512Passes() {
  return kPasses;
}

}  // namespace roberta::kernels
