#pragma once

#include "profiles/kernels/tiles.h"

namespace roberta::kernels {

/// One of these is compiled from tiles_body.h in each tiles_<isa>.cc.
const Tiles& Avx512Tiles();
const Tiles& Avx512VnniTiles();
const Tiles& Avx512Bf16Tiles();

}  // namespace roberta::kernels
