#include "loadtest/console/run_flags.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <string>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "loadtest/series/schedule.h"

namespace roberta::loadtest::console {

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
            "Search for the highest rate that meets an objective such as p99=50ms: p50, p90, p95, p99 or p99.9, from "
            "the intended "
            "send; --rate LOWEST:HIGHEST limits the search (1:100000)",
            read)
      ->type_name("OBJECTIVE");
  command
      ->add_option("--least-good", options->least_good_ratio,
                   "With --slo: share of the due requests that must be answered in time (the quantile: 0.99 for p99)")
      ->check(Between(0.001, 1))
      ->type_name("SHARE");
  command->add_option("--repeats", options->repeats, "With --slo: searches per profile (3)")
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
            "Closed loop: this many users, each with one request in flight (1). One run per level of 1,4,16, of 1:64 "
            "(doubled "
            "each time) or of 1:9:2 (by steps of 2)",
            kUsers, &options->concurrency);
  AddLevels(command, "--rate", "Open loop: requests per second, regardless of the server; levels as above", kRates,
            &options->rate);
  AddParsed(command, "--profile",
            "Optimization profiles, separated by commas, or all that are READY: all (the server's default)",
            [=](const std::string& text) { return ReadProfiles(text, &options->profiles); })
      ->type_name("NAMES");
  command
      ->add_option("--turns", options->turns,
                   "Repeat all runs so many times, with the profiles in turn at each level (1)")
      ->check(CLI::Range(int64_t{1}, int64_t{1000}).description(""))
      ->type_name("N");
  AddParsed(command, "--warm-up",
            "Seconds of warm-up, counted apart, or until the rate of answers is steady, at most --duration and 30 s: "
            "auto (auto; with --replay 2)",
            [=](const std::string& text) { return ReadWarmUp(text, options); })
      ->type_name("SECONDS");
  DeclareSearch(command, options);
  command->add_flag("--no-quality", options->no_quality,
                    "Do not send each text alone first; flips and agreement are then not measured");
}

void DeclareDeadline(CLI::App* command, RunOptions* options) {
  command->add_option("--deadline-ms", options->deadline_ms, "Deadline of each request, from its actual send (10000)")
      ->check(CLI::Range(int64_t{1}, int64_t{3'600'000}).description(""))
      ->type_name("MS");
}

void DeclareLoad(CLI::App* command, RunOptions* options) {
  command->add_option("--arrivals", options->arrivals, "Arrivals of --rate: poisson or constant (poisson)")
      ->check(CLI::IsMember({"poisson", "constant"}).description(""))
      ->type_name("KIND");
  command
      ->add_option("--replay", options->replay, "Open loop: replay these milliseconds between requests, one per line")
      ->type_name("FILE");
  command->add_option("--duration", options->duration_seconds, "Length of the measurement in seconds (10)")
      ->check(Between(0.01, 86'400.0))
      ->type_name("SECONDS");
  DeclareDeadline(command, options);
  command
      ->add_option("--slo-ms", options->objective_ms,
                   "Count requests that are answered within this time, from the intended send, as goodput")
      ->check(Between(0.001, 3'600'000.0))
      ->type_name("MS");
  command
      ->add_option("--max-in-flight", options->max_in_flight,
                   "Open loop: at most so many requests in flight; others wait (20000)")
      ->check(CLI::Range(size_t{1}, size_t{1'000'000}).description(""))
      ->type_name("N");
  command->add_option("--connections", options->connections, "TCP connections, used in turn (8, or one per 200 users)")
      ->check(CLI::Range(size_t{1}, size_t{1000}).description(""))
      ->type_name("N");
}

void DeclareTexts(CLI::App* command, RunOptions* options) {
  CLI::Option* file = command
                          ->add_option("--file", options->file,
                                       "Texts: .tsv or .csv (a header line names the columns text, label and "
                                       "text_pair), .jsonl, else one text per line (a dozen built-in sentences)")
                          ->type_name("FILE");
  command
      ->add_option("--lengths", options->lengths,
                   "Generate texts of these numbers of tokens instead, special tokens included, one number per line")
      ->type_name("FILE")
      ->excludes(file);
  command
      ->add_option("--mix", options->mix,
                   "Take the texts of a share (0.01) of the requests from another file; repeatable")
      ->type_name("FILE=SHARE");
  command
      ->add_option("--long-share", options->long_share,
                   "Share of the requests that have texts of the longest length the model takes")
      ->check(Between(0.0, 0.99))
      ->type_name("SHARE");
  command
      ->add_option("--long-characters", options->long_characters,
                   "Characters of these long texts, cut to the model's longest input (4000)")
      ->check(CLI::Range(size_t{1}, size_t{100'000}).description(""))
      ->type_name("N");
  command->add_option("--items", options->items, "Texts per request (1)")
      ->check(CLI::Range(size_t{1}, size_t{100'000}).description(""))
      ->type_name("N");
  command->add_option("--seed", options->seed, "Seed of arrivals, order and mix (1)")->type_name("N");
}

}  // namespace roberta::loadtest::console
