#pragma once

#include <compare>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "loadtest/record/run_record.h"

namespace roberta::loadtest::record {

/// What a run asked of the server.
struct Load {
  bool open = false;
  double level = 0;  ///< open: requests/s, 0 for recorded intervals; closed: users
  friend auto operator<=>(const Load&, const Load&) = default;
};
Load LoadOf(const RunRecord& run);
/// "800 requests/s", "16 users", "recorded intervals".
std::string LoadText(const Load& load);
/// The profile that a run asked for, by name or as the server's default; "default" if the server does not name that.
std::string ProfileOf(const RunRecord& run);

/// Of counts; nothing without a whole.
std::optional<double> Ratio(int64_t part, int64_t whole);

// Figures of a run. Nothing: not measured.

std::optional<double> AnswersPerSecond(const RunRecord& run);
std::optional<double> TextsPerSecond(const RunRecord& run);
/// In ms, from the intended send.
std::optional<double> LatencyMs(const RunRecord& run, double quantile);
/// In ms, from the actual send.
std::optional<double> LatencyFromSentMs(const RunRecord& run, double quantile);
/// Share of the requests sent that were not answered.
std::optional<double> UnansweredShare(const RunRecord& run);
/// Mean ms of a phase of the server's calls, or "outside": what the client saw beyond the server's total.
std::optional<double> PhaseMs(const RunRecord& run, std::string_view phase);

/// Of the batches that the server ran meanwhile, by its counters.
std::optional<double> TextsInBatch(const RunRecord& run);
std::optional<double> TokensInBatch(const RunRecord& run);
std::optional<double> PaddingShare(const RunRecord& run);

/// The largest resident size of the server's process, MiB.
std::optional<double> ResidentMib(const RunRecord& run);
/// Cores that the server's process kept busy, on average.
std::optional<double> BusyCores(const RunRecord& run);

/// True if an open loop got all that it asked for, or nearly so: the server could perhaps have done more.
bool KeptUp(const RunRecord& run);

/// "", or what to say beside a figure of this run: "partial", "invalid".
std::string Mark(const RunRecord& run);

/// How the values of a figure are written.
enum class Format {
  kRate,          ///< per second
  kMilliseconds,  ///< in CSV whole microseconds, as perf_analyzer has them
  kShare,         ///< from -1 to 1; for people in percent
  kCount,
};

/// Where figures appear.
enum class Place { kTerminal, kReport, kCsv };

/// A figure of a run, under its name in every place where it appears; an empty name: not there. A new figure is a row
/// in Figures(), and then in the terminal's table of runs, in the report's, in CSV and in JSON ("derived").
struct Figure {
  std::string_view terminal, report, csv, json;
  Format format = Format::kRate;
  std::optional<double> (*value)(const RunRecord&) = nullptr;
  std::string (*text)(const RunRecord&) = nullptr;  ///< for columns of text in CSV, instead of `value`

  std::string_view NameIn(Place place) const;
  /// The value of a run as it stands there; empty if it was not measured.
  std::string TextOf(const RunRecord& run, Place place) const;
};

/// In the order of the columns of CSV.
const std::vector<Figure>& Figures();

/// Runs as the CSV of Triton's perf_analyzer, a row each, in their order, times in whole microseconds. The first column
/// is "Concurrency", or "Request Rate" if the first run is an open loop. The times from "Client Send" to "Client Recv"
/// are means that add up to the mean latency from the intended send: what passed before the actual send; the network
/// and what the server does not account for; its queue; tokenizing and forming batches; inference; scores and response.
/// "Client Recv" is always 0: reading an answer cannot be told apart from the network. What is not known is empty.
/// After perf_analyzer's columns come those of profile, turn, validity and quality; last, the accuracy minus baseline's
/// on the same texts, each sent alone, and the limits of its 95 % confidence interval, as shares.
std::string ToCsv(const std::vector<RunRecord>& runs);

/// A field in the form of RFC 4180: in quotes where needed.
std::string CsvField(const std::string& text);

}  // namespace roberta::loadtest::record
