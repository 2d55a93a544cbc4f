#pragma once

#include <string>
#include <vector>

#include "loadtest/record/run_record.h"

namespace roberta::loadtest::series {

/// Runs as the CSV of Triton's perf_analyzer, a row each, in their order, times in whole microseconds. The first column
/// is "Concurrency", or "Request Rate" if the first run is an open loop. The times from "Client Send" to "Client Recv"
/// are means that add up to the mean latency from the intended send: what passed before the actual send; the network
/// and what the server does not account for; its queue; tokenizing and forming batches; inference; scores and response.
/// "Client Recv" is always 0: reading an answer cannot be told apart from the network. What is not known is empty.
/// After perf_analyzer's columns come those of profile, turn, validity and quality; last, the accuracy minus baseline's
/// on the same texts, each sent alone, and the limits of its 95 % confidence interval, as shares.
std::string ToCsv(const std::vector<record::RunRecord>& runs);

/// A field in the form of RFC 4180: in quotes where needed.
std::string CsvField(const std::string& text);

}  // namespace roberta::loadtest::series
