#pragma once

#include <string>

#include "loadtest/record/run_record.h"

namespace roberta::console {

/// A run for people: what was asked, what became of the requests, rates, latencies, and where the server says the time
/// went.
std::string RunText(const record::RunRecord& record);

}  // namespace roberta::console
