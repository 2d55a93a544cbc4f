#include "loadtest/console/run_options.h"

#include <algorithm>
#include <chrono>
#include <string_view>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_join.h"
#include "loadtest/record/figures.h"
#include "profiles/errors/errors.h"

namespace roberta::loadtest::console {

namespace {

// Below the 256 that a server takes by default, so that no call waits unseen in this program.
constexpr size_t kCallsPerConnection = 200;
constexpr size_t kFewestConnections = 8;
constexpr size_t kMostConnections = 128;
constexpr size_t kLongTexts = 32;
// Recorded intervals go once through, so the warm-up takes a part of them; it is to be known which.
constexpr double kWarmUpSecondsOfReplay = 2;

runner::nanoseconds FromSeconds(double seconds) {
  return std::chrono::duration_cast<runner::nanoseconds>(std::chrono::duration<double>(seconds));
}

runner::WarmUp WarmUpOf(const RunOptions& options) {
  if (options.warm_up_seconds) return {FromSeconds(*options.warm_up_seconds)};
  if (!options.replay.empty() && !options.warm_up_until_steady) return {FromSeconds(kWarmUpSecondsOfReplay)};
  return runner::WarmUpUntilSteady(FromSeconds(options.duration_seconds));
}

bool MeansSeveral(const std::vector<std::string>& profiles) {
  return profiles.size() > 1 || std::ranges::find(profiles, "all") != profiles.end();
}

double ObjectiveMs(const RunOptions& options) {
  return options.slo ? options.slo->latency_ms : options.objective_ms;
}

absl::StatusOr<workload::Texts> MainTexts(const RunOptions& options) {
  if (!options.file.empty()) return workload::ReadTexts(options.file);
  if (options.lengths.empty()) return workload::Texts{workload::BuiltInTexts(), {}};
  ASSIGN_OR_RETURN(std::vector<v1::Item> items, workload::TextsOfLengths(options.lengths));
  return workload::Texts{std::move(items), {}};
}

std::string MainSource(const RunOptions& options) {
  if (!options.file.empty()) return options.file;
  if (!options.lengths.empty()) return "lengths in " + options.lengths;
  return "built-in texts";
}

workload::RequestClass NewClass(const RunOptions& options, std::string name, double share, workload::Texts texts) {
  workload::RequestClass made = {.name = std::move(name), .share = share};
  made.items = std::move(texts.items);
  made.labels = std::move(texts.labels);
  made.items_per_request = options.items;
  return made;
}

/// A class of `--mix FILE=SHARE`.
absl::StatusOr<workload::RequestClass> MixedClass(const RunOptions& options, const std::string& argument) {
  const size_t equals = argument.rfind('=');
  double share = 0;
  if (equals == std::string::npos || equals == 0 || !absl::SimpleAtod(argument.substr(equals + 1), &share) ||
      !(share > 0 && share < 1)) {
    return errors::InvalidArgument("--mix ", argument, ": not FILE=SHARE with a share between 0 and 1");
  }
  const std::string file = argument.substr(0, equals);
  ASSIGN_OR_RETURN(workload::Texts texts, workload::ReadTexts(file));
  return NewClass(options, file, share, std::move(texts));
}

constexpr char kMetricsPort[] = ":8002";

/// The host and port of a name as gRPC takes it, without its scheme; empty for one that has no host.
std::string WithoutScheme(const std::string& target) {
  for (const std::string_view scheme : {"unix:", "unix-abstract:", "vsock:"}) {
    if (target.starts_with(scheme)) return "";
  }
  for (const std::string_view scheme : {"dns:", "ipv4:", "ipv6:"}) {
    if (!target.starts_with(scheme)) continue;
    const size_t slash = target.rfind('/');
    return target.substr(slash == std::string::npos ? scheme.size() : slash + 1);
  }
  return target;
}

}  // namespace

absl::StatusOr<std::vector<workload::RequestClass>> ClassesOf(const RunOptions& options) {
  ASSIGN_OR_RETURN(workload::Texts texts, MainTexts(options));
  std::vector<workload::RequestClass> classes = {NewClass(options, "main", 1, std::move(texts))};
  if (options.long_share > 0) {
    classes.push_back(
        NewClass(options, "long", options.long_share,
                 {workload::JoinedTexts(classes[0].items, options.long_characters, kLongTexts, options.seed), {}}));
    // What is too long becomes as long as the model takes, so these texts are the longest there are.
    classes.back().settings.set_truncation(v1::TRUNCATION_RIGHT);
  }
  for (const std::string& argument : options.mix) {
    ASSIGN_OR_RETURN(classes.emplace_back(), MixedClass(options, argument));
  }
  for (size_t i = 1; i < classes.size(); ++i) classes[0].share -= classes[i].share;
  if (!(classes[0].share > 0)) {
    return absl::InvalidArgumentError("--long-share and the shares of --mix leave nothing for the other texts");
  }
  return classes;
}

std::vector<double> LevelsOf(const RunOptions& options) {
  if (!options.replay.empty()) return {0};
  if (!options.rate.empty()) return options.rate;
  return options.concurrency.empty() ? std::vector<double>{1} : options.concurrency;
}

uint64_t SeedOf(const RunOptions& options, const series::Step& step) {
  return options.seed + static_cast<uint64_t>(step.turn);
}

absl::StatusOr<runner::Plan> PlanOf(const RunOptions& options, const series::Step& step) {
  runner::Plan plan;
  if (!options.replay.empty()) {
    ASSIGN_OR_RETURN(std::vector<int64_t> intervals, workload::ReadIntervals(options.replay));
    plan.arrivals = workload::RecordedArrivals(std::move(intervals));
  } else if (options.Open()) {
    plan.arrivals = options.arrivals == "constant" ? workload::ConstantArrivals(step.level)
                                                   : workload::PoissonArrivals(step.level, SeedOf(options, step));
  } else {
    plan.concurrency = static_cast<size_t>(step.level);
  }
  plan.duration = FromSeconds(options.duration_seconds);
  plan.warm_up = WarmUpOf(options);
  plan.deadline = std::chrono::milliseconds(options.deadline_ms);
  if (ObjectiveMs(options) > 0) plan.objective = FromSeconds(ObjectiveMs(options) / 1000);
  plan.max_in_flight = options.max_in_flight;
  return plan;
}

int ConnectionsOf(const RunOptions& options) {
  if (options.connections > 0) return static_cast<int>(options.connections);
  const size_t calls = options.Open() ? 0 : static_cast<size_t>(LevelsOf(options).back());
  return static_cast<int>(
      std::clamp((calls + kCallsPerConnection - 1) / kCallsPerConnection, kFewestConnections, kMostConnections));
}

record::Settings SettingsOf(const RunOptions& options, const series::Step& step,
                            const std::vector<workload::RequestClass>& classes) {
  record::Settings settings;
  settings.target = options.target;
  settings.profile = step.profile;
  settings.turn = step.turn;
  settings.loop = options.Open() ? "open" : "closed";
  if (options.Open()) {
    settings.arrivals = options.replay.empty() ? options.arrivals : "replay";
    settings.rate = step.level;
    settings.max_in_flight = static_cast<int64_t>(options.max_in_flight);
  } else {
    settings.concurrency = static_cast<int64_t>(step.level);
  }
  settings.items_per_request = static_cast<int64_t>(options.items);
  settings.warm_up_seconds = std::chrono::duration<double>(WarmUpOf(options).longest).count();
  settings.duration_seconds = options.duration_seconds;
  settings.deadline_ms = options.deadline_ms;
  settings.objective_ms = ObjectiveMs(options);
  settings.connections = ConnectionsOf(options);
  settings.seed = SeedOf(options, step);
  for (const workload::RequestClass& one : classes) {
    std::string source = one.name;
    if (one.name == "main") source = MainSource(options);
    if (one.name == "long") source = absl::StrCat("texts of main joined to ", options.long_characters, " characters");
    settings.classes.push_back({one.name, source, one.share, static_cast<int64_t>(one.items.size())});
  }
  return settings;
}

std::string LoadText(const RunOptions& options, double level) {
  return record::LoadText({.open = options.Open(), .level = level});
}

std::string Contradiction(const RunOptions& options) {
  const int loads = !options.concurrency.empty() + !options.rate.empty() + !options.replay.empty();
  if (loads > 1) return "wants one of --concurrency, --rate and --replay";
  if (options.slo && (!options.concurrency.empty() || !options.replay.empty())) {
    return "--slo looks for a rate: it takes --rate LOWEST:HIGHEST, not --concurrency or --replay";
  }
  if (options.slo && options.objective_ms > 0) return "wants one of --slo and --slo-ms";
  if (options.slo && options.turns > 1) return "--slo is repeated by --repeats, not by --turns";
  if (options.slo && !options.csv.empty()) return "--csv is of runs, which --slo does not keep: it wants --json";
  if (!options.percentiles.empty() &&
      (options.slo || LevelsOf(options).size() > 1 || options.turns > 1 || MeansSeveral(options.profiles))) {
    return "--percentiles is of one run: it wants one profile, one load and one turn";
  }
  return "";
}

bool IsConfigText(const std::string& config) {
  return config.find('{') != std::string::npos;
}

std::vector<std::string> ServerFlags(const ServerOptions& options, const std::vector<std::string>& profiles) {
  std::vector<std::string> flags = {"--model", options.spawn};
  if (!options.config.empty() && !IsConfigText(options.config)) flags.insert(flags.end(), {"--config", options.config});
  const bool open = profiles.empty() || std::ranges::any_of(profiles, [](const std::string& profile) {
                      return profile == record::kAuto || profile == "all";
                    });
  if (!open) flags.insert(flags.end(), {"--profiles", absl::StrJoin(profiles, ",")});
  return flags;
}

std::string UsualMetricsAddress(const std::string& target) {
  std::string host = WithoutScheme(target);
  host = host.substr(0, host.find(','));  // the first of several
  const size_t colon = host.rfind(':');
  const bool bare_ipv6 = std::ranges::count(host, ':') > 1 && host.front() != '[';
  if (bare_ipv6) {
    host = "[" + host + "]";
  } else if (colon != std::string::npos && host.back() != ']') {
    host.resize(colon);
  }
  return (host.empty() ? "127.0.0.1" : host) + kMetricsPort;
}

}  // namespace roberta::loadtest::console
