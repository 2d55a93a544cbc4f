#include "loadtest/console/commands.h"

#include <cstdlib>

#include "absl/strings/numbers.h"
#include "absl/strings/str_split.h"
#include "loadtest/series/series.h"
#include "profiles/errors/errors.h"

namespace roberta::loadtest::console {

namespace {

constexpr series::LevelLimits kUsers = {.least = 1, .most = 20'000, .whole = true};
constexpr series::LevelLimits kRates = {.least = 0.001, .most = 1e6};
constexpr char kUntilSteady[] = "auto";
constexpr char kAddressVariable[] = "ROBERTA_ADDRESS";

/// Like CLI::Range, but refuses text that is not a number.
CLI::Validator Between(double least, double most) {
  return CLI::Validator(
      [=](const std::string& text) {
        double value = 0;
        const bool fits = absl::SimpleAtod(text, &value) && value >= least && value <= most;
        return fits ? std::string() : absl::StrCat(text, " is not a number from ", least, " to ", most);
      },
      "");
}

CLI::Validator Whole(int64_t least, int64_t most) {
  return CLI::Range(least, most).description("");
}

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
    if (name.empty()) return errors::InvalidArgument("\"", text, "\" has an empty name");
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
    return errors::InvalidArgument("\"", text, "\" is neither auto nor a number of seconds from 0 to ", kMostSeconds);
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
  AddOption(command, "--least-good", "SHARE", &options->least_good_ratio,
            "With --slo: share of the due requests that must be answered in time (the quantile: 0.99 for p99)")
      ->check(Between(0.001, 1));
  AddOption(command, "--repeats", "N", &options->repeats, "With --slo: searches per profile (3)")
      ->check(Whole(1, 1000));
}

}  // namespace

void DeclareServer(CLI::App* command, RunOptions* options) {
  ServerOptions& server = options->server;
  const auto add = [=](const char* name, const char* type, std::string* value, const char* help) {
    return AddOption(command, name, type, value, help);
  };
  CLI::Option* target_option =
      add("--target", "HOST:PORT", &options->target, "Server, as gRPC takes it (127.0.0.1:8001)")
          ->envname(kAddressVariable);
  CLI::Option* spawn =
      add("--spawn", "MODEL_DIR", &server.spawn,
          "Start a server on this checkpoint instead, on free ports, and stop it after the run; it loads the profiles "
          "of --profile, else its defaults");
  add("--spawn-config", "FILE|TEXT", &server.config,
      "Config of that server, a file as for roberta-server --config or its text: 'execution { executors: 2 }'")
      ->needs(spawn);
  add("--spawn-cpus", "LIST", &server.cpus, "Cores that it may use: 0,2-3 (those of this program)")->needs(spawn);
  add("--spawn-log", "FILE", &server.log, "Append its log to this file (nowhere)")->needs(spawn);
  AddOption(command, "--spawn-timeout", "SECONDS", &server.start_timeout_seconds,
            "Seconds within which it must serve (600)")
      ->check(CLI::Range(0.01, 86'400.0).description(""))
      ->needs(spawn);
  add("--server-program", "PROGRAM", &server.program,
      "Program of that server (roberta-server beside this program or on PATH)")
      ->needs(spawn);
  add("--metrics", "HOST:PORT", &server.metrics,
      "The server's metrics page, read during runs: memory, CPU, queue and counters (that of --spawn, or port 8002 of "
      "the target's host); none does not read it");
  CLI::Option* tls = command->add_flag("--tls", server.credentials.tls, "Connect with TLS");
  add("--ca", "FILE", &server.credentials.ca, "Certificate authorities to trust, PEM (those of the system)")
      ->needs(tls);
  CLI::Option* certificate =
      add("--cert", "FILE", &server.credentials.certificate, "Own certificate for mutual TLS, PEM")->needs(tls);
  certificate->needs(add("--key", "FILE", &server.credentials.key, "Its key, PEM")->needs(certificate));
  add("--token-file", "FILE", &server.credentials.token, "Send the token in this file with every request");
  // Not excludes(): a target of the environment gives way.
  command->parse_complete_callback([=] {
    if (spawn->empty() || target_option->empty()) return;
    const char* variable = std::getenv(kAddressVariable);
    if (variable != nullptr && target_option->results() == std::vector<std::string>{variable}) return;
    throw CLI::ExcludesError("--spawn", "--target");
  });
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
  AddOption(command, "--turns", "N", &options->turns,
            "Repeat all runs so many times, with the profiles in turn at each level (1)")
      ->check(Whole(1, 1000));
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
  AddOption(command, "--deadline-ms", "MS", &options->deadline_ms,
            "Deadline of each request, from its actual send (10000)")
      ->check(Whole(1, 3'600'000));
}

void DeclareLoad(CLI::App* command, RunOptions* options) {
  AddOption(command, "--arrivals", "KIND", &options->arrivals, "Arrivals of --rate: poisson or constant (poisson)")
      ->check(CLI::IsMember({"poisson", "constant"}).description(""));
  AddOption(command, "--replay", "FILE", &options->replay,
            "Open loop: replay these milliseconds between requests, one per line");
  AddOption(command, "--duration", "SECONDS", &options->duration_seconds, "Length of the measurement in seconds (10)")
      ->check(Between(0.01, 86'400));
  DeclareDeadline(command, options);
  AddOption(command, "--slo-ms", "MS", &options->objective_ms,
            "Count requests that are answered within this time, from the intended send, as goodput")
      ->check(Between(0.001, 3'600'000));
  AddOption(command, "--max-in-flight", "N", &options->max_in_flight,
            "Open loop: at most so many requests in flight; others wait (20000)")
      ->check(Whole(1, 1'000'000));
  AddOption(command, "--connections", "N", &options->connections,
            "TCP connections, used in turn (8, or one per 200 users)")
      ->check(Whole(1, 1000));
}

void DeclareTexts(CLI::App* command, RunOptions* options) {
  CLI::Option* file = AddOption(command, "--file", "FILE", &options->file,
                                "Texts: .tsv or .csv (a header line names the columns text, label and text_pair), "
                                ".jsonl, else one text per line (a dozen built-in sentences)");
  AddOption(command, "--lengths", "FILE", &options->lengths,
            "Generate texts of these numbers of tokens instead, special tokens included, one number per line")
      ->excludes(file);
  AddOption(command, "--mix", "FILE=SHARE", &options->mix,
            "Take the texts of a share (0.01) of the requests from another file; repeatable");
  AddOption(command, "--long-share", "SHARE", &options->long_share,
            "Share of the requests that have texts of the longest length the model takes")
      ->check(Between(0, 0.99));
  AddOption(command, "--long-characters", "N", &options->long_characters,
            "Characters of these long texts, cut to the model's longest input (4000)")
      ->check(Whole(1, 100'000));
  AddOption(command, "--items", "N", &options->items, "Texts per request (1)")->check(Whole(1, 100'000));
  AddOption(command, "--seed", "N", &options->seed, "Seed of arrivals, order and mix (1)");
}

}  // namespace roberta::loadtest::console
