#pragma once

#include <string>

#include "loadtest/record/run_record.h"

namespace roberta::console {

/// What a run saw of the server's process and of its counters, and whether these agree with its answers. Nothing of a
/// record that has none of that, nor says why.
std::string ServerText(const record::RunRecord& record);

}  // namespace roberta::console
