#define ROBERTA_ISA kPortable
#define ROBERTA_LANES 4
#define ROBERTA_PASSES PortablePasses
#include "profiles/kernels/passes_body.h"
