#include "loadtest/console/report_command.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <iterator>
#include <memory>
#include <sstream>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "loadtest/console/output.h"
#include "loadtest/console/report_files.h"
#include "loadtest/document/pdf.h"
#include "loadtest/record/run_record.h"
#include "loadtest/report/run_report.h"

namespace roberta::console {

namespace {

struct ReportOptions {
  std::vector<std::string> records;
  std::string out = "report.pdf";
  std::string title = "Load test";
  std::string suite;  ///< directory; empty: one report
};

absl::StatusOr<record::Series> ReadSeries(const std::string& name) {
  errno = 0;
  std::ifstream file(name, std::ios::binary);
  std::ostringstream text;
  if (!file || !(text << file.rdbuf())) {
    const std::string why = errno == 0 ? "it is empty" : std::strerror(errno);
    return absl::NotFoundError(absl::StrCat(name, ": cannot read: ", why));
  }
  absl::StatusOr<record::Series> series = record::FromJson(text.str());
  if (series.ok() && series->runs.empty() && series->searches.empty()) {
    return absl::InvalidArgumentError(name + ": holds no run and no search");
  }
  if (series.ok()) return series;
  return absl::InvalidArgumentError(absl::StrCat(name, ": ", series.status().message()));
}

int Report(const ReportOptions& options) {
  if (absl::Status status = CheckReportRequirements(); !status.ok()) return Complain(std::string(status.message()));
  record::Series all;
  for (const std::string& name : options.records) {
    absl::StatusOr<record::Series> series = ReadSeries(name);
    if (!series.ok()) return Complain(std::string(series.status().message()));
    std::move(series->runs.begin(), series->runs.end(), std::back_inserter(all.runs));
    std::move(series->searches.begin(), series->searches.end(), std::back_inserter(all.searches));
  }
  if (!options.suite.empty()) {
    if (all.runs.empty()) return Complain("a suite's reports are made of runs, and these records hold only searches");
    const absl::Status status = WriteSuiteReports(all, options.suite);
    return status.ok() ? kValid : Complain(std::string(status.message()));
  }
  Output out;
  if (absl::Status status = out.Open(options.out); !status.ok()) return Complain(std::string(status.message()));
  const absl::StatusOr<std::string> pdf = document::RenderPdf(report::RunReport(all, options.title));
  if (!pdf.ok()) return Complain(std::string(pdf.status().message()));
  if (absl::Status status = out.Write(*pdf); !status.ok()) return Complain(std::string(status.message()));
  return kValid;
}

}  // namespace

void AddReportCommand(CLI::App* app, int* exit_code) {
  auto options = std::make_shared<ReportOptions>();
  CLI::App* command = app->add_subcommand("report", "Makes a PDF of what runs measured; needs no server");
  command
      ->add_option("records", options->records,
                   "What `run --json` wrote; several stand side by side: profiles, loads, machines, models, versions")
      ->required()
      ->type_name("FILE");
  CLI::Option* out =
      command->add_option("--out", options->out, "The PDF (report.pdf); - is standard output")->type_name("FILE");
  CLI::Option* title = command->add_option("--title", options->title, "Its title (Load test)")->type_name("TEXT");
  command
      ->add_option(
          "--suite", options->suite,
          "Instead: the six PDFs of a suite, into this directory: quantization, pruning, mixed precision, data "
          "loading, all together, and a summary")
      ->type_name("DIR")
      ->excludes(out)
      ->excludes(title);
  command->footer(
      "\nRuns of the same profile at the same load count as repeats: their median is shown, and how far they lie "
      "apart.\n"
      "Needs gnuplot for the charts, and the font Inter to look as meant.\n\n"
      "Examples:\n"
      "  roberta-loadtest report run.json\n"
      "  roberta-loadtest report baseline-*.json quantized-*.json --out quantization.pdf --title Quantization\n"
      "  roberta-loadtest report --suite results results/suite.json");
  command->callback([options, exit_code] { *exit_code = Report(*options); });
}

}  // namespace roberta::console
