#include "loadtest/document/chart_svg.h"

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "loadtest/process/child.h"

namespace roberta::document {

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

}  // namespace roberta::document
