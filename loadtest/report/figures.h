#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "loadtest/document/content.h"
#include "loadtest/record/run_record.h"

namespace roberta::report {

// Figures of a run. Nothing: not measured.

std::optional<double> AnswersPerSecond(const record::RunRecord& run);
std::optional<double> TextsPerSecond(const record::RunRecord& run);
/// In ms, from the intended send.
std::optional<double> LatencyMs(const record::RunRecord& run, double quantile);
/// In ms, from the actual send.
std::optional<double> LatencyFromSentMs(const record::RunRecord& run, double quantile);
/// Share of the requests sent that were not answered.
std::optional<double> UnansweredShare(const record::RunRecord& run);
/// Mean ms of a phase of the server's calls, or "outside": what the client saw beyond the server's total.
std::optional<double> PhaseMs(const record::RunRecord& run, std::string_view phase);

/// Of the batches that the server ran meanwhile, as it counted them.
std::optional<double> TextsInBatch(const record::RunRecord& run);
std::optional<double> TokensInBatch(const record::RunRecord& run);
std::optional<double> PaddingShare(const record::RunRecord& run);

/// The largest that the server's process was, MiB.
std::optional<double> ResidentMib(const record::RunRecord& run);
/// Cores that the server's process kept busy, on average.
std::optional<double> BusyCores(const record::RunRecord& run);
/// The same over time: x in s since the run began.
std::vector<document::Point> ResidentOverTime(const record::RunRecord& run);
std::vector<document::Point> BusyCoresOverTime(const record::RunRecord& run);

/// True if an open loop got all that it asked for, or nearly so: the server could perhaps have done more.
bool KeptUp(const record::RunRecord& run);

/// "", or what to say beside a figure of this run: "partial", "invalid".
std::string Mark(const record::RunRecord& run);

}  // namespace roberta::report
