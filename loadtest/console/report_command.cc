#include "loadtest/console/commands.h"

#include <filesystem>
#include <iterator>
#include <memory>
#include <system_error>

#include "loadtest/console/output.h"
#include "loadtest/document/pdf.h"
#include "loadtest/report/reports.h"
#include "profiles/errors/errors.h"

namespace roberta::loadtest::console {

absl::Status CheckReportRequirements() {
  RETURN_IF_ERROR(document::CheckRequirements());
  if (const std::string remark = document::FontRemark(); !remark.empty()) Complain(remark);
  return absl::OkStatus();
}

absl::Status WriteSuiteReports(const record::Series& series, const std::string& directory) {
  std::error_code error;
  std::filesystem::create_directories(directory, error);
  if (error) {
    return absl::PermissionDeniedError(absl::StrCat(directory, ": cannot make the directory: ", error.message()));
  }
  for (const report::NamedDocument& named : report::SuiteReports(series)) {
    Output out;
    RETURN_IF_ERROR(out.Open((std::filesystem::path(directory) / named.name).string()));
    ASSIGN_OR_RETURN(const std::string pdf, document::RenderPdf(named.document));
    RETURN_IF_ERROR(out.Write(pdf));
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
  ASSIGN_OR_RETURN(const std::string text, ReadFile(name));
  absl::StatusOr<record::Series> series = record::FromJson(text);
  if (!series.ok()) return errors::In(name, series.status());
  if (series->runs.empty() && series->searches.empty()) {
    return errors::InvalidArgument(name, ": holds no run and no search");
  }
  return series;
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
  AddOption(command, "records", "FILE", &options->records,
            "Files that `run --json` wrote; several are compared: profiles, loads, machines, models, versions")
      ->required();
  CLI::Option* out = AddOption(command, "--out", "FILE", &options->out,
                               "Write the PDF to this file (report.pdf); - is standard output");
  CLI::Option* title = AddOption(command, "--title", "TEXT", &options->title, "Title of the report (Load test)");
  AddOption(command, "--suite", "DIR", &options->suite,
            "Write the six PDFs of a suite into this directory instead: quantization, pruning, mixed precision, data "
            "loading, all together, and a summary")
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
