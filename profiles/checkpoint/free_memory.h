#pragma once

namespace roberta::checkpoint {

/// Gives memory that is free, but held by the process, back to the system: weights that were packed, or tensors of a
/// step that is done, leave holes in the heap, which are never filled again.
void ReturnFreeMemory();

}  // namespace roberta::checkpoint
