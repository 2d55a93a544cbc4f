#define ROBERTA_ISA kPortable
#define ROBERTA_LANES 4
#include "profiles/kernels/passes_body.h"

namespace roberta::kernels {

const Passes& PortablePasses() {
  return kPasses;
}

}  // namespace roberta::kernels
