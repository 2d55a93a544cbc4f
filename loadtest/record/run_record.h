#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "loadtest/runner/run.h"
#include "profiles/statistics/statistics.h"

namespace roberta::loadtest::record {

// Names that the server gives to profiles and their states.
inline constexpr char kBaseline[] = "baseline";  ///< the profile that the others are compared with
inline constexpr char kAuto[] = "auto";          ///< no profile: the server chooses one, call by call
inline constexpr char kReady[] = "READY";        ///< the state of a profile that answers

/// The settings of a run. Texts are described, not stored.
struct Settings {
  std::string target;
  std::string profile;      ///< empty: the server's default
  std::string variant;      ///< what else sets these runs apart: "padded, 2048 tokens a batch"; empty: nothing
  int64_t turn = 0;         ///< of runs that take turns with those of other profiles
  std::string loop;         ///< "closed" or "open"
  std::string arrivals;     ///< open: "constant", "poisson" or "replay"
  double rate = 0;          ///< open, a second; 0 for "replay"
  int64_t concurrency = 0;  ///< closed
  int64_t items_per_request = 1;
  double warm_up_seconds = 0, duration_seconds = 0;
  int64_t deadline_ms = 0;
  double objective_ms = 0;  ///< 0: none
  int64_t max_in_flight = 0, connections = 0;
  uint64_t seed = 0;

  struct Class {
    std::string name, source;  ///< source: file, or what made the texts
    double share = 1;
    int64_t texts = 0;
  };
  std::vector<Class> classes;
};

/// The server's description of itself; empty and 0 where it gives none.
struct ServerDescription {
  std::string model, model_revision, default_profile;
  struct Profile {
    std::string name, state, precision, revision;
    std::vector<std::string> kernels;
    int64_t weight_bytes = 0;
    double expected_tokens_per_second = 0;
    double accuracy = -1, agreement = -1;  ///< -1: not measured
    std::string reason = "";               ///< why it is not READY
    std::string summary = "";              ///< what it is, in one sentence; of files that are older than it, empty
  };
  std::vector<Profile> profiles;
};

/// The machine and the program that measured.
struct Environment {
  std::string program_version, program_commit;
  std::string started_at;  ///< UTC, ISO 8601
  std::string cpu_model, cpu_flags, kernel;
  int64_t cores = 0;         ///< of the machine
  int64_t usable_cores = 0;  ///< by this program
  double load_average = 0;   ///< of the last minute, at the start
};

/// This machine and this program, now.
Environment ThisEnvironment();

/// How good the answers were. Of those that a run got, a text counts each time it was answered; of those that it got
/// alone before, once, so that these are of the same texts for all profiles. Whatever was compared zero times was not
/// measured.
struct Quality {
  int64_t labelled = 0, correct = 0;                   ///< against the labels that came with the texts
  int64_t alone_compared = 0, alone_flips = 0;         ///< label other than that of the same text sent alone
  int64_t baseline_compared = 0, baseline_agreed = 0;  ///< label that of baseline, to which the text was sent alone
  int64_t texts_labelled = 0, texts_correct = 0;       ///< sent alone: against the labels that came with them
  int64_t texts_compared = 0, texts_agreed = 0;        ///< sent alone: with baseline's label
  /// Labeled texts that both this profile and baseline answered alone, and of them those that only one of the two
  /// classified correctly. 0 in files that were written before these were counted.
  int64_t texts_paired = 0, texts_only_correct = 0, texts_only_baseline_correct = 0;
  /// Labeled answers by the probability of the predicted label, bins of equal width from 0 to 1.
  struct CalibrationBin {
    int64_t count = 0, correct = 0;
    double probability_sum = 0;
  };
  std::vector<CalibrationBin> calibration;
  std::string missing;  ///< why a part was not measured
};

/// How far the profile's accuracy is from baseline's on the same texts, each sent alone. Nothing without such texts,
/// and of baseline itself, whose answers are the same.
std::optional<statistics::AccuracyDifference> AccuracyDifferenceOf(const Quality& quality);

/// The server's process during a run, as its metrics page reports it.
struct Resources {
  struct Sample {
    double seconds = 0;  ///< since the run began, the warm-up included
    int64_t resident_bytes = 0;
    double cpu_seconds = 0;  ///< since the server's start
    double queue_items = 0, inflight_requests = 0;
  };
  std::vector<Sample> samples;
  std::string missing;  ///< why there are no samples
};

/// How much the server's counters grew during a run, including the warm-up and calls of other clients.
struct ServerCounters {
  int64_t requests = 0;                         ///< Classify calls that ended
  int64_t answered = 0;                         ///< of them, with OK
  double request_seconds = 0;                   ///< summed over the calls whose duration was observed
  std::map<std::string, double> phase_seconds;  ///< by phase, summed over these
  int64_t batches = 0, batch_items = 0, batch_tokens = 0;
  double padding_ratio_sum = 0;  ///< over the batches: the share of positions that hold no token
  std::string missing;           ///< why they are not known
};

/// A run and all that a report of it needs.
struct RunRecord {
  Settings settings;
  ServerDescription server;
  Environment environment;
  Quality quality;
  Resources resources;
  ServerCounters counters;
  runner::RunResult result;
};

/// A search for the highest rate that keeps an objective, repeated.
struct RateSearch {
  std::string profile, variant;
  double quantile = 0.99;       ///< of the latency from the intended send
  double objective_ms = 0;      ///< that it must keep
  double least_good_ratio = 0;  ///< of what was sent, to be answered within the objective
  struct Step {
    int64_t repeat = 0;
    double rate = 0;        ///< asked for, requests/s
    double latency_ms = 0;  ///< at `quantile`; 0: nothing was answered
    double good_ratio = 0;
    bool kept = false;
  };
  std::vector<Step> steps;    ///< in the order in which they were tried
  std::vector<double> found;  ///< the highest rate that kept it, a repeat each; 0: not even the lowest
  std::string missing;        ///< why it broke off
};

/// What a file holds: one run or many, and searches made of runs that are not kept one by one.
struct Series {
  std::vector<RunRecord> runs;
  std::vector<RateSearch> searches;
};

/// JSON: {"format", "runs", "searches"}; a run has its record's fields, with the histograms' raw counts, and beside
/// them what follows from these ("derived": rates, percentiles, faults), for readers who want no arithmetic.
std::string ToJson(const Series& series);

/// Reads what ToJson wrote. InvalidArgument, naming what is missing or wrong.
absl::StatusOr<Series> FromJson(const std::string& text);

/// Holds what a server's answers said of themselves against what its counters grew by: as many answers, and in each
/// phase as much time. A sentence for each gap of more than 2 %. Counters are of all callers, warm-up included, and of
/// calls that were not answered too: where there were such calls, more time is not a gap. Nothing if the counters are
/// missing.
std::vector<std::string> ServerGaps(const runner::RunResult& result, const ServerCounters& counters);

}  // namespace roberta::loadtest::record
