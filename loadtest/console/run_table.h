#pragma once

#include <string>

#include "loadtest/record/run_record.h"

namespace roberta::loadtest::console {

/// The server's process and counters during a run, and whether the counters agree with the answers. Empty if the record
/// has neither these nor a reason for their absence.
std::string ServerText(const record::RunRecord& record);

/// A run for people: the load, the outcomes of the requests, rates, latencies and the server's phases.
std::string RunText(const record::RunRecord& record);

}  // namespace roberta::loadtest::console
