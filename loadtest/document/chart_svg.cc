#include "loadtest/document/chart_script.h"

#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cmath>
#include <cstring>

#include "loadtest/process/child.h"
#include "profiles/errors/errors.h"

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

constexpr char kGnuplot[] = "gnuplot";

/// What was written into `file`.
std::string ReadAll(const process::Descriptor& file) {
  std::string text(static_cast<size_t>(std::max<off_t>(0, lseek(file.get(), 0, SEEK_END))), '\0');
  const ssize_t bytes = pread(file.get(), text.data(), text.size(), 0);
  text.resize(static_cast<size_t>(std::max<ssize_t>(0, bytes)));
  return text;
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

absl::Status CheckGnuplot() {
  if (!process::FindOnPath(kGnuplot).empty()) return absl::OkStatus();
  return absl::NotFoundError("charts need gnuplot, which is not installed (Debian package: gnuplot-nox)");
}

absl::StatusOr<std::string> DrawChart(const Chart& chart, const ChartSize& size) {
  RETURN_IF_ERROR(CheckGnuplot());
  const process::Descriptor drawing = process::MemoryFile(""), messages = process::MemoryFile("");
  const process::Descriptor script = process::MemoryFile(ChartScript(chart, size, drawing.path()));
  if (drawing.get() < 0 || messages.get() < 0 || script.get() < 0) {
    return absl::UnavailableError(absl::StrCat("no room for a chart: ", std::strerror(errno)));
  }
  ASSIGN_OR_RETURN(const pid_t child, process::StartChild({.program = process::FindOnPath(kGnuplot),
                                                           .arguments = {"-d", script.path()},
                                                           .output = messages.get(),
                                                           .inherited = {script.get(), drawing.get()}}));
  int status = 0;
  while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) {
    return absl::InternalError(absl::StrCat("gnuplot cannot draw a chart: ", ReadAll(messages).substr(0, 500)));
  }
  std::string svg = ReadAll(drawing);
  if (svg.find("</svg>") == std::string::npos) return absl::InternalError("gnuplot's drawing is incomplete");
  return svg;
}

}  // namespace roberta::loadtest::document
