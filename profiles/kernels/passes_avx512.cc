#define ROBERTA_ISA kAvx512
#define ROBERTA_LANES 16
#define ROBERTA_PASSES Avx512Passes
#include "profiles/kernels/passes_body.h"
