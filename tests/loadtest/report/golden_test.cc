// The documents as files, looked at with poppler's tools. ROBERTA_REPORTS=<directory> keeps the PDFs, for people to
// look at; ROBERTA_UPDATE_GOLDEN=1 writes what is here into tests/golden/reports, to be read before it is committed.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <map>
#include <string>

#include "loadtest/document/pdf.h"
#include "loadtest/report/reports.h"
#include "tests/loadtest/report/sample_runs.h"
#include "tests/profiles/checkpoint/checkpoint_fixture.h"
#include "tests/profiles/checkpoint/run_command.h"
#include "tests/test_paths.h"

namespace roberta::loadtest::report {
namespace {

using checkpoint_fixture::RunCommand;
using checkpoint_fixture::ScratchDirectory;
using checkpoint_fixture::ShellWord;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::MatchesRegex;
using ::testing::Not;

document::Document Make(const std::string& name) {
  auto series = report_fixture::SuiteSeries();
  if (name == "load_test") return RunReport(series, "Load test");
  // One profile was refused, as can happen: the reports say so.
  if (name == "pruning_performance") {
    series = report_fixture::WithFailed(series, "pruned", "agreement with baseline is 0.8120, below 0.9");
  }
  for (NamedDocument& named : SuiteReports(series)) {
    if (named.name == name + ".pdf") return std::move(named.document);
  }
  ADD_FAILURE() << "there is no " << name;
  return {};
}

class ReportFile : public testing::TestWithParam<const char*> {
 protected:
  void SetUp() override {
    if (RunCommand("command -v pdftotext pdfinfo pdffonts pdfimages gnuplot >/dev/null && fc-list | grep -q Inter", "")
            .exit_code != 0) {
      GTEST_SKIP() << "not checked: poppler-utils, gnuplot or the font Inter is not installed";
    }
    static std::map<std::string, std::string> rendered;  // once for all tests of this process
    std::string& bytes = rendered[GetParam()];
    if (bytes.empty()) {
      const auto made = document::RenderPdf(Make(GetParam()));
      ASSERT_TRUE(made.ok()) << made.status();
      bytes = *made;
    }
    bytes_ = bytes;
    checkpoint_fixture::WriteFile(scratch_.In("x.pdf"), bytes_);
    if (const char* kept = std::getenv("ROBERTA_REPORTS")) {
      checkpoint_fixture::WriteFile(std::string(kept) + "/" + GetParam() + ".pdf", bytes_);
    }
  }
  std::string Ask(const std::string& tool, const std::string& arguments = "") const {
    const auto result = RunCommand(tool + " " + ShellWord(scratch_.In("x.pdf")) + " " + arguments, "");
    EXPECT_EQ(result.exit_code, 0) << result.errors;
    return result.output;
  }

  std::string bytes_;
  const ScratchDirectory scratch_;
};

TEST_P(ReportFile, ReadsAsItDid) {
  const std::string golden = test_paths::InRepository(std::string("tests/golden/reports/") + GetParam() + ".txt");
  const std::string text = Ask("pdftotext", "-");
  if (std::getenv("ROBERTA_UPDATE_GOLDEN") != nullptr) checkpoint_fixture::WriteFile(golden, text);
  EXPECT_EQ(text, checkpoint_fixture::ReadFile(golden));
}

TEST_P(ReportFile, IsA4WithMetadata) {
  EXPECT_THAT(Ask("pdfinfo"), AllOf(HasSubstr("(A4)"), HasSubstr("Title: "), HasSubstr("roberta-loadtest 1.2.3"),
                                    HasSubstr("RoBERTa, load test")));
}

TEST_P(ReportFile, HasFontsEmbeddedAndNoImage) {
  EXPECT_THAT(Ask("pdffonts"), AllOf(HasSubstr("yes yes"), Not(HasSubstr(" no  "))));
  const std::string images = Ask("pdfimages -list");
  EXPECT_EQ(std::count(images.begin(), images.end(), '\n'), 2) << images;  // the titles
}

TEST_P(ReportFile, HasAnOutline) {
  EXPECT_THAT(bytes_, AllOf(HasSubstr("/Outlines"), HasSubstr("(Verdict)"), HasSubstr("(Environment)")));
}

INSTANTIATE_TEST_SUITE_P(All, ReportFile,
                         testing::Values("load_test", "quantization_performance", "pruning_performance",
                                         "mixed_precision_performance", "data_loading_efficiency",
                                         "integrated_optimization", "summary"),
                         [](const auto& one) { return std::string(one.param); });

/// Names that users choose reach every part of a report.
class HostileName : public testing::TestWithParam<const char*> {};

TEST_P(HostileName, MakesAReport) {
  if (RunCommand("command -v gnuplot pdftotext >/dev/null", "").exit_code != 0) {
    GTEST_SKIP() << "not checked: gnuplot or poppler-utils is not installed";
  }
  record::Series series;
  for (const std::string profile : {"baseline", GetParam()}) {
    series.runs.push_back(report_fixture::MakeRun({.profile = profile, .users = 1}));
    series.runs.push_back(report_fixture::MakeRun({.profile = profile, .users = 8, .texts_per_second = 150}));
    series.runs.push_back(report_fixture::MakeRun({.variant = GetParam(), .users = 8}));
    series.searches.push_back(report_fixture::MakeSearch(profile, {10, 11}));
  }
  for (record::RunRecord& run : series.runs) run.environment.cpu_model = run.server.model = GetParam();
  const auto bytes = document::RenderPdf(RunReport(series, GetParam()));
  ASSERT_TRUE(bytes.ok()) << bytes.status();
  const ScratchDirectory scratch;
  checkpoint_fixture::WriteFile(scratch.In("x.pdf"), *bytes);
  EXPECT_EQ(RunCommand("pdftotext " + ShellWord(scratch.In("x.pdf")) + " -", "").exit_code, 0);
}

INSTANTIATE_TEST_SUITE_P(
    All, HostileName,
    testing::Values("'; system('touch /tmp/intruder'); '", "`echo intruder`", "a\nEOD\nexit 3\n",
                    "\\\"x\" %s %d <&>$(echo)", "\x01\xff\x7f",
                    "a-name-that-is-as-long-as-a-name-of-a-profile-may-be-and-has-64-letters",
                    "wwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwww"));

}  // namespace
}  // namespace roberta::loadtest::report
