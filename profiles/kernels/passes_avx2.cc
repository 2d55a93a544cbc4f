#define ROBERTA_ISA kAvx2
#define ROBERTA_LANES 8
#define ROBERTA_PASSES Avx2Passes
#include "profiles/kernels/passes_body.h"
