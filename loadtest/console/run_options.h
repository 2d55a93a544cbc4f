#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "client/credentials.h"
#include "loadtest/record/run_record.h"
#include "loadtest/runner/run.h"
#include "loadtest/series/series.h"
#include "loadtest/workload/workload.h"

namespace roberta::loadtest::console {

/// Which server to measure, besides `--target`.
struct ServerOptions {
  std::string spawn;    ///< checkpoint of a server that this program starts; empty: --target
  std::string config;   ///< its config: a file, or text-proto if it has a brace
  std::string cpus;     ///< cores that it may use, as taskset takes them; empty: those of this program
  std::string program;  ///< empty: roberta-server beside this program or on PATH
  std::string log;      ///< file for its log; empty: none
  double start_timeout_seconds = 600;
  client::CredentialFiles credentials;
  std::string metrics;  ///< HOST:PORT of its metrics page; "none"; empty: found out
};
inline constexpr char kNoMetrics[] = "none";

/// The options of `roberta-loadtest run`.
struct RunOptions {
  std::string target = "127.0.0.1:8001";
  ServerOptions server;
  std::vector<std::string> profiles;  ///< empty: the server's default; "all": every one that is READY
  std::string file, lengths;
  std::vector<std::string> mix;  ///< "FILE=SHARE"
  double long_share = 0;
  size_t long_characters = 4000;
  size_t items = 1;
  std::vector<double> concurrency;  ///< levels, ascending; empty: not given
  std::vector<double> rate;         ///< levels, ascending; empty: not given
  std::string arrivals = "poisson";
  std::string replay;
  int64_t turns = 1;
  double duration_seconds = 10;
  std::optional<double> warm_up_seconds;
  /// Also the default if no seconds are given, except for a replay, whose default is two seconds.
  bool warm_up_until_steady = false;
  int64_t deadline_ms = 10'000;
  double objective_ms = 0;               ///< 0: none
  std::optional<series::Objective> slo;  ///< search for the highest rate that meets it
  double least_good_ratio = 0;           ///< for the search; 0: the objective's quantile
  int64_t repeats = 3;                   ///< of the search
  uint64_t seed = 1;
  bool no_quality = false;
  size_t quality_texts = 2000;  ///< at most so many are sent alone
  size_t max_in_flight = 20'000;
  size_t connections = 0;  ///< 0: chosen by the load
  std::string json, csv, percentiles;
  bool quiet = false;

  bool Open() const { return !rate.empty() || !replay.empty() || slo.has_value(); }
};

/// The classes of texts that the options name, "main" first, without a profile. Errors name option, file and value.
absl::StatusOr<std::vector<workload::RequestClass>> ClassesOf(const RunOptions& options);

/// Users or requests/s of the runs to make, ascending; {0} for a replay.
std::vector<double> LevelsOf(const RunOptions& options);

/// The seed of order and arrivals: the same for all profiles in a turn, a different one for each turn.
uint64_t SeedOf(const RunOptions& options, const series::Step& step);

/// The plan of a run. InvalidArgument or NotFound if the recorded intervals cannot be read.
absl::StatusOr<runner::Plan> PlanOf(const RunOptions& options, const series::Step& step);

/// The number of connections that the heaviest level needs.
int ConnectionsOf(const RunOptions& options);

record::Settings SettingsOf(const RunOptions& options, const series::Step& step,
                            const std::vector<workload::RequestClass>& classes);

/// "16 users", "200 requests/s", "recorded intervals".
std::string LoadText(const RunOptions& options, double level);

/// Why the options contradict each other; empty if they do not.
std::string Contradiction(const RunOptions& options);

/// Whether `config` is a text and not the name of a file.
bool IsConfigText(const std::string& config);

/// The flags of roberta-server for these options. `profiles`: those to load; if it is empty or contains "auto" or
/// "all", the server loads those of its config or its defaults.
std::vector<std::string> ServerFlags(const ServerOptions& options, const std::vector<std::string>& profiles);

/// The default address of the metrics of a server on `target`: its host, port 8002.
std::string UsualMetricsAddress(const std::string& target);

}  // namespace roberta::loadtest::console
