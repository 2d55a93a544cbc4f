#include "loadtest/console/commands.h"

#include <cstdio>
#include <memory>
#include <utility>

#include "absl/strings/str_cat.h"
#include "loadtest/console/output.h"
#include "loadtest/console/session.h"
#include "loadtest/record/figures.h"

namespace roberta::loadtest::console {

namespace {

int ExitCodeOf(const Measured& measured) {
  if (measured.end == runner::End::kStopped || terminal::StopRequested()) return kInterrupted;
  if (measured.end == runner::End::kServerLost) return kServerUnreachable;
  if (!measured.answered) return Complain("no request was answered");
  return measured.faults.empty() ? kValid : kInvalid;
}

void Print(const Measured& measured) {
  const std::vector<record::RunRecord>& runs = measured.series.runs;
  if (measured.runs_planned == 1 && runs.size() == 1) return void(std::fputs(RunText(runs.front()).c_str(), stdout));
  std::string text = measured.runs_planned > 0 ? SeriesText(runs) : SearchesText(measured.series.searches);
  if (runs.size() < measured.runs_planned || measured.end != runner::End::kComplete) {
    absl::StrAppend(&text, "\n", measured.end == runner::End::kServerLost ? "The server was lost" : "Stopped early");
    if (measured.runs_planned > 0) absl::StrAppend(&text, " in run ", runs.size(), " of ", measured.runs_planned);
    absl::StrAppend(&text, ": the figures are of what was run.\n");
  }
  if (!measured.faults.empty()) text += "\n";
  for (const std::string& fault : measured.faults) absl::StrAppend(&text, "INVALID: ", fault, "\n");
  std::fputs(text.c_str(), stdout);
}

struct Outputs {
  Output json, csv, percentiles;

  absl::Status Open(const RunOptions& options) {
    absl::Status status = json.Open(options.json);
    status.Update(csv.Open(options.csv));
    status.Update(percentiles.Open(options.percentiles));
    return status;
  }

  absl::Status Write(const record::Series& series) {
    absl::Status status;
    for (const record::RunRecord& run : series.runs) status.Update(run.result.CheckBooks());
    status.Update(json.Write(record::ToJson(series)));
    status.Update(csv.Write(record::ToCsv(series.runs)));
    if (series.runs.empty()) return status;
    status.Update(percentiles.Write(series.runs.front().result.Total().answered_from_intended.PercentileText(1e6)));
    return status;
  }
};

bool WritesToStandardOutput(const RunOptions& options) {
  return options.json == kStandardOutput || options.csv == kStandardOutput || options.percentiles == kStandardOutput;
}

int Run(const RunOptions& options) {
  auto classes = ClassesOf(options);
  if (!classes.ok()) return Complain(classes.status());
  auto mix = workload::RequestMix::Make(*classes, options.seed);
  if (!mix.ok()) return Complain(mix.status());
  auto plan = PlanOf(options, {"", LevelsOf(options).front()});
  if (!plan.ok()) return Complain(plan.status());
  Outputs outputs;
  if (absl::Status status = outputs.Open(options); !status.ok()) return Complain(status);

  terminal::CatchStopSignals();
  int exit_code = kValid;
  const auto session = Session::Open(options, &exit_code);
  if (session == nullptr) return exit_code;
  const auto measured = session->Measure(options, *std::move(classes));
  if (absl::IsCancelled(measured.status())) return Complain("stopped before anything was measured", kInterrupted);
  if (!measured.ok()) return ComplainOfServer(session->target(), measured.status());
  if (!WritesToStandardOutput(options)) Print(*measured);
  if (absl::Status status = outputs.Write(measured->series); !status.ok()) return Complain(status);
  if (measured->end == runner::End::kServerLost) Complain(session->WhyLost());
  return ExitCodeOf(*measured);
}

void DeclareOutput(CLI::App* command, RunOptions* options) {
  AddOption(command, "--json", "FILE", &options->json,
            "Write all measurements, including raw histograms; - is standard output, then without the table");
  AddOption(command, "--csv", "FILE", &options->csv,
            "Write one line per run, with the columns of Triton's perf_analyzer; - as with --json");
  AddOption(command, "--percentiles", "FILE", &options->percentiles,
            "Write the latency of a single run in HdrHistogram's percentile format, in ms");
  command->add_flag("--quiet", options->quiet, "Do not show progress");
}

constexpr char kRunFooter[] = R"(
Every request is sent once, without retries, and has one outcome: answered, refused (RESOURCE_EXHAUSTED),
unavailable, expired, cancelled or failed. Latency is measured from the intended send, which is what a user feels
(in a closed loop: from when the user was ready), and from the actual send. A run is marked INVALID, with exit code
4, if this program was the bottleneck: if the p99 of its lateness is above 1 ms and a tenth of the median latency,
if it sent fewer than 98 % of the intended requests, or if it used 90 % of its cores. If the server runs on the
same machine, give each cores of its own (taskset).

Examples:
  roberta-loadtest run --concurrency 16 --file reviews.tsv --profile quantized
  roberta-loadtest run --concurrency 1:64 --profile baseline,quantized --turns 3 --json runs.json
  roberta-loadtest run --slo p99=50ms --profile all --file reviews.tsv
  roberta-loadtest run --rate 200 --slo-ms 50 --duration 60 --json run.json
  roberta-loadtest run --spawn models/demo-sst2 --spawn-cpus 0 --profile quantized
  roberta-loadtest run --rate 100 --arrivals constant --long-share 0.01 --deadline-ms 1000
  roberta-loadtest run --replay intervals.txt --percentiles latency.hgrm)";

}  // namespace

void AddRunCommand(CLI::App* app, int* exit_code) {
  auto options = std::make_shared<RunOptions>();
  CLI::App* command = app->add_subcommand("run", "Measures a server under load");
  DeclareServer(command, options.get());
  DeclareOutput(command, options.get());
  DeclareSeries(command, options.get());
  DeclareLoad(command, options.get());
  DeclareTexts(command, options.get());
  command->footer(kRunFooter);
  command->callback([=] {
    if (const std::string why = Contradiction(*options); !why.empty()) throw CLI::ValidationError("run", why);
    *exit_code = Run(*options);
  });
}

}  // namespace roberta::loadtest::console
