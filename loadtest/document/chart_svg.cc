#include "loadtest/document/chart_svg.h"

#include <fcntl.h>
#include <spawn.h>
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

extern char** environ;

namespace roberta::document {

namespace {

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

/// Runs gnuplot on a script, its words going to the file `errors`.
absl::Status RunGnuplot(const std::string& script, const std::string& errors) {
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
  posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, errors.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600);
  std::string program = "gnuplot", no_defaults = "-d", argument = script;
  char* arguments[] = {program.data(), no_defaults.data(), argument.data(), nullptr};
  pid_t child = 0;
  const int spawned = posix_spawnp(&child, "gnuplot", &actions, nullptr, arguments, environ);
  posix_spawn_file_actions_destroy(&actions);
  if (spawned != 0) {
    return absl::NotFoundError(absl::StrCat("charts need gnuplot, which does not start: ", std::strerror(spawned)));
  }
  int status = 0;
  while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return absl::OkStatus();
  return absl::InternalError(absl::StrCat("gnuplot cannot draw a chart: ", ReadAll(errors).substr(0, 500)));
}

}  // namespace

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
  if (absl::Status status = RunGnuplot(script, directory.path() + "/errors"); !status.ok()) return status;
  std::string svg = ReadAll(output);
  if (svg.find("</svg>") == std::string::npos) return absl::InternalError("gnuplot's drawing is incomplete");
  return svg;
}

}  // namespace roberta::document
