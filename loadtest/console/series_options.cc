#include "loadtest/console/series_options.h"

#include <algorithm>
#include <string>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "loadtest/series/levels.h"

namespace roberta::console {

namespace {

constexpr series::LevelLimits kUsers = {.least = 1, .most = 20'000, .whole = true};
constexpr series::LevelLimits kRates = {.least = 0.001, .most = 1e6};
constexpr char kUntilSteady[] = "auto";

/// An option whose text `read` turns into a value, or says why not.
template <typename Read>
CLI::Option* AddParsed(CLI::App* command, const char* name, const char* description, const Read& read) {
  return command->add_option_function<std::string>(
      name,
      [name, read](const std::string& text) {
        const absl::Status status = read(text);
        if (!status.ok()) throw CLI::ValidationError(name, std::string(status.message()));
      },
      description);
}

void AddLevels(CLI::App* command, const char* name, const char* description, const series::LevelLimits& limits,
               std::vector<double>* levels) {
  const auto read = [=](const std::string& text) {
    auto parsed = series::ParseLevels(text, limits);
    if (parsed.ok()) *levels = *std::move(parsed);
    return parsed.status();
  };
  AddParsed(command, name, description, read)->type_name("LEVELS");
}

absl::Status ReadProfiles(const std::string& text, std::vector<std::string>* profiles) {
  *profiles = absl::StrSplit(text, ',');
  for (const std::string& name : *profiles) {
    if (name.empty()) return absl::InvalidArgumentError(absl::StrCat("\"", text, "\" has an empty name"));
  }
  return absl::OkStatus();
}

absl::Status ReadWarmUp(const std::string& text, RunOptions* options) {
  constexpr double kMostSeconds = 86'400;
  double seconds = 0;
  options->warm_up_seconds.reset();
  options->warm_up_until_steady = text == kUntilSteady;
  if (options->warm_up_until_steady) return absl::OkStatus();
  if (!absl::SimpleAtod(text, &seconds) || !(seconds >= 0 && seconds <= kMostSeconds)) {
    return absl::InvalidArgumentError(
        absl::StrCat("\"", text, "\" is neither auto nor a number of seconds from 0 to ", kMostSeconds));
  }
  options->warm_up_seconds = seconds;
  return absl::OkStatus();
}

void DeclareSearch(CLI::App* command, RunOptions* options) {
  const auto read = [=](const std::string& text) {
    const auto objective = series::ParseObjective(text);
    if (objective.ok()) options->slo = *objective;
    return objective.status();
  };
  AddParsed(command, "--slo",
            "Look for the highest rate that keeps it, say p99=50ms: p50, p90, p95, p99 or p99.9, from the intended "
            "send; --rate LOWEST:HIGHEST then says where to look (1:100000)",
            read)
      ->type_name("OBJECTIVE");
  command
      ->add_option("--least-good", options->least_good_ratio,
                   "Of --slo: share of what is due that must be answered within it (the quantile: 0.99 for p99)")
      ->check(Between(0.001, 1))
      ->type_name("SHARE");
  command->add_option("--repeats", options->repeats, "Of --slo: searches for each profile (3)")
      ->check(CLI::Range(int64_t{1}, int64_t{1000}).description(""))
      ->type_name("N");
}

}  // namespace

CLI::Validator Between(double least, double most) {
  return CLI::Validator(
      [=](const std::string& text) {
        double value = 0;
        const bool fits = absl::SimpleAtod(text, &value) && value >= least && value <= most;
        return fits ? std::string() : absl::StrCat(text, " is not a number from ", least, " to ", most);
      },
      "");
}

void DeclareSeries(CLI::App* command, RunOptions* options) {
  AddLevels(command, "--concurrency",
            "Closed loop: this many users, each with one request (1). A run for each level of 1,4,16, of 1:64 (doubled "
            "each time) or of 1:9:2 (by steps of 2)",
            kUsers, &options->concurrency);
  AddLevels(command, "--rate", "Open loop: requests a second, whatever the server does; levels as above", kRates,
            &options->rate);
  AddParsed(command, "--profile",
            "Optimization profiles, separated by commas, or all that are READY: all (the server's default)",
            [=](const std::string& text) { return ReadProfiles(text, &options->profiles); })
      ->type_name("NAMES");
  command
      ->add_option("--turns", options->turns, "Make all these runs so many times, profiles in turn at each level (1)")
      ->check(CLI::Range(int64_t{1}, int64_t{1000}).description(""))
      ->type_name("N");
  AddParsed(command, "--warm-up",
            "Seconds of warm-up, booked apart, or until answers come steadily, at most --duration and 30 s: "
            "auto (auto; with --replay 2)",
            [=](const std::string& text) { return ReadWarmUp(text, options); })
      ->type_name("SECONDS");
  DeclareSearch(command, options);
  command->add_flag("--no-quality", options->no_quality,
                    "Do not ask for each text alone first; flips and agreement are then not known");
}

}  // namespace roberta::console
