#include "profiles/tool/command.h"

#include <cstdio>

#include "absl/strings/str_format.h"
#include "profiles/terminal/progress.h"
#include "profiles/tool/output.h"

namespace roberta::tool {

std::string JsonText(const nlohmann::ordered_json& json) {
  return json.dump(2, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
}

std::string PercentText(double share) {
  return absl::StrFormat("%.2f %%", 100 * share);
}

std::string CountText(int64_t number) {
  return terminal::WithSeparators(static_cast<uint64_t>(number));
}

int Finish(const absl::StatusOr<Report>& report) {
  if (!report.ok()) {
    PrintError(report.status());
    return 1;
  }
  LineOutput output(stdout);
  bool all_well = report->all_well;
  if (!report->text.empty()) all_well = output.Write(report->text) && output.Flush() && all_well;
  output.ReportFailure();
  if (!report->failure.ok()) PrintError(report->failure);
  return all_well && report->failure.ok() ? 0 : 1;
}

void AddModelOption(CLI::App* command, std::string* directory, const char* description) {
  command->add_option("--model", *directory, description)->required()->type_name("DIR");
}

void AddJsonFlag(CLI::App* command, bool* json) {
  command->add_flag("--json", *json, "Report as JSON");
}

}  // namespace roberta::tool
