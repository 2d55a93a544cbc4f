#include "loadtest/document/chart_script.h"

#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cmath>
#include <cstring>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "loadtest/process/child.h"
#include "profiles/errors/errors.h"

namespace roberta::loadtest::document {

namespace {

constexpr char kNewLine[] = "\\n";
constexpr char kBreaks[] = " -_";          // a line may end behind these
constexpr double kPointsOfLetter = 4.7;    // on average
constexpr double kPointsBesideNames = 48;  // beside what is drawn: the axis and its labels

std::string Harmless(const std::string& text) {
  std::string harmless;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '\'' || c == '"' || c == '`') {
      harmless += "’";
    } else {
      harmless += c == '\\' ? '/' : byte < 0x20 || byte == 0x7f ? ' ' : c;
    }
  }
  return harmless;
}

/// A byte that begins a letter of UTF-8, so that a line may end before it.
bool BeginsLetter(char c) {
  return (static_cast<unsigned char>(c) & 0xc0) != 0x80;
}

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
  return std::ranges::any_of(chart.series, [&](const Series& series) { return CountDrawable(chart, series) > 0; });
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

std::string Quoted(const std::string& text) {
  return absl::StrCat("'", Harmless(text), "'");
}

std::string TickLabel(const std::string& text) {
  return absl::StrReplaceAll(Quoted(text), {{"%", "%%"}});
}

std::string InLines(const std::string& text, size_t columns) {
  std::string lines, line;
  for (size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (c == ' ' && line.empty()) continue;
    line += c;
    const bool may_break = std::strchr(kBreaks, c) != nullptr;
    const bool must_break = 2 * line.size() >= 3 * columns && i + 1 < text.size() && BeginsLetter(text[i + 1]);
    // A word that is too long begins on a line of its own.
    const size_t next = text.find_first_of(kBreaks, i + 1);
    const size_t word = (next == std::string::npos ? text.size() : next) - i - 1;
    if (!(must_break || (may_break && line.size() + word > columns))) continue;
    absl::StrAppend(&lines, Harmless(line), kNewLine);
    line.clear();
  }
  if (line.empty() && !lines.empty()) lines.resize(lines.size() - 2);
  return absl::StrReplaceAll(absl::StrCat("\"", lines, Harmless(line), "\""), {{"%", "%%"}});
}

size_t LongestPart(const std::string& text) {
  size_t longest = 0, begin = 0;
  for (size_t i = 0; i <= text.size(); ++i) {
    if (i < text.size() && std::strchr(kBreaks, text[i]) == nullptr) continue;
    longest = std::max(longest, i - begin);
    begin = i + 1;
  }
  return longest;
}

size_t CountLines(const std::string& in_lines) {
  size_t lines = 1;
  for (size_t at = in_lines.find(kNewLine); at != std::string::npos; at = in_lines.find(kNewLine, at + 2)) ++lines;
  return lines;
}

size_t ColumnsOf(double width, size_t categories) {
  const double points = (width - kPointsBesideNames) / static_cast<double>(std::max<size_t>(1, categories));
  return static_cast<size_t>(std::max(4.0, 0.92 * points / kPointsOfLetter));
}

std::string CategoryNames(const std::vector<std::pair<double, std::string>>& names, double width,
                          const std::string& axis_label) {
  if (names.empty()) return "unset xtics\nset bmargin 0.8\n";
  std::vector<std::string> ticks;
  size_t lines = 1;
  for (const auto& [x, text] : names) {
    const std::string name = InLines(text, ColumnsOf(width, names.size()));
    lines = std::max(lines, CountLines(name));
    ticks.push_back(absl::StrCat(name, " ", Number(x)));
  }
  return absl::StrCat("set xtics (", absl::StrJoin(ticks, ", "), ") scale 0\nset bmargin ",
                      (axis_label.empty() ? 1.0 : 2.4) + 1.25 * static_cast<double>(lines), "\n");
}

std::string Number(double value) {
  return std::isfinite(value) ? absl::StrFormat("%.9g", value) : "NaN";
}

std::string Hex(const Color& color) {
  return absl::StrFormat("'#%02x%02x%02x'", color.red, color.green, color.blue);
}

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
