#pragma once

#include "loadtest/record/run_record.h"

namespace roberta::loadtest::record {

/// This machine and this program, now.
Environment ThisEnvironment();

}  // namespace roberta::loadtest::record
