#include "loadtest/console/report_command.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <memory>
#include <sstream>
#include <string>
#include <system_error>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "loadtest/console/output.h"
#include "loadtest/document/pdf.h"
#include "loadtest/record/run_record.h"
#include "loadtest/report/run_report.h"
#include "loadtest/report/suite_reports.h"

namespace roberta::loadtest::console {

absl::Status CheckReportRequirements() {
  absl::Status status = document::CheckRequirements();
  if (!status.ok()) return status;
  if (const std::string remark = document::FontRemark(); !remark.empty()) Complain(remark);
  return status;
}

absl::Status WriteSuiteReports(const record::Series& series, const std::string& directory) {
  std::error_code error;
  std::filesystem::create_directories(directory, error);
  if (error) {
    return absl::PermissionDeniedError(absl::StrCat(directory, ": cannot make the directory: ", error.message()));
  }
  for (const report::NamedDocument& named : report::SuiteReports(series)) {
    Output out;
    absl::Status status = out.Open((std::filesystem::path(directory) / named.name).string());
    if (!status.ok()) return status;
    const absl::StatusOr<std::string> pdf = document::RenderPdf(named.document);
    if (!pdf.ok()) return pdf.status();
    if (status = out.Write(*pdf); !status.ok()) return status;
  }
  return absl::OkStatus();
}

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
  if (absl::Status status = CheckReportRequirements(); !status.ok()) return Complain(status);
  record::Series all;
  for (const std::string& name : options.records) {
    absl::StatusOr<record::Series> series = ReadSeries(name);
    if (!series.ok()) return Complain(series.status());
    std::move(series->runs.begin(), series->runs.end(), std::back_inserter(all.runs));
    std::move(series->searches.begin(), series->searches.end(), std::back_inserter(all.searches));
  }
  if (!options.suite.empty()) {
    if (all.runs.empty()) return Complain("a suite's reports are made of runs, and these records hold only searches");
    const absl::Status status = WriteSuiteReports(all, options.suite);
    return status.ok() ? kValid : Complain(status);
  }
  Output out;
  if (absl::Status status = out.Open(options.out); !status.ok()) return Complain(status);
  const absl::StatusOr<std::string> pdf = document::RenderPdf(report::RunReport(all, options.title));
  if (!pdf.ok()) return Complain(pdf.status());
  if (absl::Status status = out.Write(*pdf); !status.ok()) return Complain(status);
  return kValid;
}

}  // namespace

void AddReportCommand(CLI::App* app, int* exit_code) {
  auto options = std::make_shared<ReportOptions>();
  CLI::App* command = app->add_subcommand("report", "Writes a PDF from the records of runs; needs no server");
  command
      ->add_option("records", options->records,
                   "Files that `run --json` wrote; several are compared: profiles, loads, machines, models, versions")
      ->required()
      ->type_name("FILE");
  CLI::Option* out =
      command->add_option("--out", options->out, "Write the PDF to this file (report.pdf); - is standard output")
          ->type_name("FILE");
  CLI::Option* title =
      command->add_option("--title", options->title, "Title of the report (Load test)")->type_name("TEXT");
  command
      ->add_option(
          "--suite", options->suite,
          "Write the six PDFs of a suite into this directory instead: quantization, pruning, mixed precision, data "
          "loading, all together, and a summary")
      ->type_name("DIR")
      ->excludes(out)
      ->excludes(title);
  command->footer(
      "\nRuns of the same profile at the same load count as repeats: the report shows their median and their spread.\n"
      "Needs gnuplot for the charts and a font, preferably Inter (Debian packages: gnuplot-nox, fonts-inter).\n\n"
      "Examples:\n"
      "  roberta-loadtest report run.json\n"
      "  roberta-loadtest report baseline-*.json quantized-*.json --out quantization.pdf --title Quantization\n"
      "  roberta-loadtest report --suite results results/suite.json");
  command->callback([options, exit_code] { *exit_code = Report(*options); });
}

}  // namespace roberta::loadtest::console
