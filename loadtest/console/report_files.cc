#include "loadtest/console/report_files.h"

#include <filesystem>
#include <system_error>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "loadtest/console/output.h"
#include "loadtest/document/pdf.h"
#include "loadtest/report/suite_reports.h"

namespace roberta::console {

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

}  // namespace roberta::console
