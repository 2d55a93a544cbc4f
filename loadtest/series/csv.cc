#include "loadtest/series/csv.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "loadtest/record/figures.h"

namespace roberta::loadtest::series {

namespace {

std::string Row(const std::vector<std::string>& fields) {
  const auto quoted = [](std::string* out, const std::string& field) { absl::StrAppend(out, CsvField(field)); };
  return absl::StrCat(absl::StrJoin(fields, ",", quoted), "\r\n");
}

std::string Level(const record::RunRecord& run) {
  const record::Settings& settings = run.settings;
  if (settings.loop == "closed") return absl::StrCat(settings.concurrency);
  if (settings.rate > 0) return absl::StrFormat("%.6g", settings.rate);
  return absl::StrFormat("%.6g", run.result.RatePerSecond(run.result.intended));  // recorded intervals
}

}  // namespace

std::string CsvField(const std::string& text) {
  if (text.find_first_of(",\"\r\n") == std::string::npos) return text;
  return absl::StrCat("\"", absl::StrReplaceAll(text, {{"\"", "\"\""}}), "\"");
}

std::string ToCsv(const std::vector<record::RunRecord>& runs) {
  const bool open = !runs.empty() && runs.front().settings.loop == "open";
  std::vector<std::string> names = {open ? "Request Rate" : "Concurrency"};
  for (const record::Figure& figure : record::Figures()) {
    if (!figure.csv.empty()) names.emplace_back(figure.csv);
  }
  std::string text = Row(names);
  for (const record::RunRecord& run : runs) {
    std::vector<std::string> fields = {Level(run)};
    for (const record::Figure& figure : record::Figures()) {
      if (!figure.csv.empty()) fields.push_back(figure.TextOf(run, record::Place::kCsv));
    }
    text += Row(fields);
  }
  return text;
}

}  // namespace roberta::loadtest::series
