#include "loadtest/document/chart_svg.h"

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "loadtest/document/bar_script.h"
#include "loadtest/document/gnuplot_text.h"
#include "loadtest/document/line_script.h"
#include "loadtest/process/child.h"

namespace roberta::loadtest::document {

namespace {

std::string Frame(const ChartSize& size, const std::string& output) {
  return absl::StrCat("set encoding utf8\nset terminal svg noenhanced size ", Number(size.width), ",",
                      Number(size.height), " font 'Inter,8.5' linewidth 0.8 background '#ffffff'\nset output ",
                      Quoted(output),
                      "\n"
                      "set border 3 linecolor rgb '#666666' linewidth 0.8\n"
                      "set tics out nomirror textcolor rgb '#333333' scale 0.6\n"
                      "set grid ytics linecolor rgb '#dddddd' linewidth 0.6 linetype 1\n"
                      // The legend is set with the text around the chart, where no name is too long.
                      "unset key\n"
                      "set datafile missing 'NaN'\nset tmargin 0.6\nset rmargin 2.5\n");
}

bool HasValue(const LineChart& chart) {
  for (const Series& series : chart.series) {
    for (const Point& point : series.points) {
      if (IsDrawable(point.x, chart.x) && IsDrawable(point.y, chart.y)) return true;
    }
  }
  return false;
}

bool HasValue(const BarChart& chart) {
  for (const BarChart::Bars& bars : chart.bars) {
    for (const std::optional<double>& value : bars.values) {
      if (value && std::isfinite(*value)) return true;
    }
  }
  return false;
}

}  // namespace

std::string ChartScript(const Chart& chart, const ChartSize& size, const std::string& output) {
  const std::string frame = Frame(size, output);
  if (const auto* lines = std::get_if<LineChart>(&chart.plot)) return frame + LineScript(*lines, size.width);
  return frame + BarScript(std::get<BarChart>(chart.plot), size.width);
}

std::string WhyEmpty(const Chart& chart) {
  const auto* lines = std::get_if<LineChart>(&chart.plot);
  if (lines != nullptr ? HasValue(*lines) : HasValue(std::get<BarChart>(chart.plot))) return "";
  if (!chart.missing.empty()) return absl::StrCat("not measured: ", chart.missing);
  return lines != nullptr ? "not measured: no point of it has a value" : "not measured: no bar of it has a value";
}

namespace {

constexpr char kGnuplot[] = "gnuplot";

/// A directory of its own that goes when this does.
class TemporaryDirectory {
 public:
  TemporaryDirectory() {
    std::string name = (std::filesystem::temp_directory_path() / "roberta-chart-XXXXXX").string();
    if (mkdtemp(name.data()) != nullptr) path_ = name;
  }
  ~TemporaryDirectory() {
    std::error_code ignored;
    if (!path_.empty()) std::filesystem::remove_all(path_, ignored);
  }
  TemporaryDirectory(const TemporaryDirectory&) = delete;
  TemporaryDirectory& operator=(const TemporaryDirectory&) = delete;

  /// Empty if it could not be made.
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

std::string ReadAll(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

/// Runs gnuplot on a script; what it prints goes to the file `messages`.
absl::Status RunGnuplot(const std::string& script, const std::string& messages) {
  if (absl::Status status = CheckGnuplot(); !status.ok()) return status;
  const int output = open(messages.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  const auto child =
      process::StartChild({.program = process::FindOnPath(kGnuplot), .arguments = {"-d", script}, .output = output});
  if (output >= 0) close(output);
  if (!child.ok()) return child.status();
  int status = 0;
  while (waitpid(*child, &status, 0) < 0 && errno == EINTR) {
  }
  if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return absl::OkStatus();
  return absl::InternalError(absl::StrCat("gnuplot cannot draw a chart: ", ReadAll(messages).substr(0, 500)));
}

}  // namespace

absl::Status CheckGnuplot() {
  if (!process::FindOnPath(kGnuplot).empty()) return absl::OkStatus();
  return absl::NotFoundError("charts need gnuplot, which is not installed (Debian package: gnuplot-nox)");
}

absl::StatusOr<std::string> DrawChart(const Chart& chart, const ChartSize& size) {
  const TemporaryDirectory directory;
  if (directory.path().empty()) {
    return absl::UnavailableError(absl::StrCat("cannot make a temporary directory: ", std::strerror(errno)));
  }
  const std::string script = directory.path() + "/chart.gp", output = directory.path() + "/chart.svg";
  std::ofstream file(script, std::ios::binary);
  file << ChartScript(chart, size, output);
  file.close();
  if (!file) return absl::UnavailableError(absl::StrCat(script, ": cannot write"));
  if (absl::Status status = RunGnuplot(script, directory.path() + "/messages"); !status.ok()) return status;
  std::string svg = ReadAll(output);
  if (svg.find("</svg>") == std::string::npos) return absl::InternalError("gnuplot's drawing is incomplete");
  return svg;
}

}  // namespace roberta::loadtest::document
