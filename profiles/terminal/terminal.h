#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace CLI {
class App;
}

namespace roberta::terminal {

/// The main function of a program: runs `run` and returns its exit code, in surroundings that cannot harm it.
/// Descriptors 0 to 2 that are closed are opened such that using them fails, since other files would take their
/// numbers; SIGPIPE is ignored, so that writing to a pipe without a reader fails; an exception, such as one for a lack
/// of memory, is one line on standard error and exit code 1; so is an output that could not be written, if all else
/// went well (without a line where its reader is gone).
int RunProgram(const char* name, const std::function<int()>& run);

/// Runs the subcommand of a command line; the program's other options are in `app`, but for --version, and its
/// subcommands set `*exit_code` when they have run. Returns it; 2, after a line on standard error, for wrong usage,
/// with `advice` about arguments that are not expected. The only short option is -h.
int RunSubcommand(CLI::App* app, std::vector<std::string> arguments, const int* exit_code, const char* advice = "");

/// Adds the option --completion bash|zsh, which --help does not show: it prints a script for that shell that completes
/// the options, subcommands and values that `app`, whose name is the program's, has when it parses. RunSubcommand calls
/// it.
void AddCompletion(CLI::App* app);

/// From now on SIGINT and SIGTERM only ask for a stop and end waits in system calls; the next one ends the program.
void CatchStopSignals();
bool StopRequested();

/// `text` (valid UTF-8) in exactly `columns` columns of a terminal: control characters, which could drive the terminal,
/// become spaces; what is too long ends in "…"; what is too short is filled with spaces.
std::string FitToColumns(std::string_view text, size_t columns);

/// `text` (valid UTF-8) as it is, but for control characters, which become spaces.
std::string Shown(std::string_view text);

/// Columns that `text` (valid UTF-8) takes: wide characters (East Asian, emoji) two, combining ones none.
size_t ColumnsOf(std::string_view text);

/// Width of the terminal behind `fd`; `otherwise` where there is none.
size_t TerminalColumns(int fd, size_t otherwise);

/// Rows under a header, cells of valid UTF-8: two spaces between columns, each as wide as its widest cell, none after
/// the last. All rows have as many cells as the first.
std::string TableText(const std::vector<std::vector<std::string>>& rows);

/// How much of a long work has been done.
struct Done {
  uint64_t items = 0;
  uint64_t bytes = 0;        ///< of the input
  uint64_t total_bytes = 0;  ///< 0: unknown
};

/// One line of progress: share, items, rate, time left where the total is known.
/// "[#########-----------]  45 %  1,234 items  350 items/s  0:12 left"
std::string ProgressLine(const Done& done, double seconds);

/// 1234567 as "1,234,567".
std::string WithSeparators(uint64_t number);

/// One line of progress of a stage, with the time left once something is done.
/// "pruning: gradients  [#########-----------]  45 %  0:12 left"; without a total (0) the stage alone.
std::string StageLine(std::string_view stage, uint64_t done, uint64_t total, double seconds);

/// Where progress is shown.
enum class Display {
  kNone,
  kBar,  ///< a line at the bottom of a terminal, painted over at most ten times a second
  /// Where the stream is not a terminal, for example a log: a line that begins with "progress: " every ten seconds, so
  /// that short work leaves none.
  kLines,
};

/// kBar if `stream` is a terminal, else kLines.
Display DisplayFor(std::FILE* stream);

/// Shows the progress of a long work on a stream. Threads: any, at any time.
class ProgressBar {
 public:
  /// `stream` stays the caller's and must outlive this. `line_interval` is kLines' own.
  ProgressBar(std::FILE* stream, Display display,
              std::chrono::milliseconds line_interval = std::chrono::milliseconds(10000));
  explicit ProgressBar(std::FILE* stream) : ProgressBar(stream, DisplayFor(stream)) {}
  ~ProgressBar() { Hide(); }
  ProgressBar(const ProgressBar&) = delete;
  ProgressBar& operator=(const ProgressBar&) = delete;

  /// Shows ProgressLine; for work of one stage.
  void Update(const Done& done);
  /// Shows StageLine. A stage of another name than the last one begins at this call, and is shown at once.
  void Update(std::string_view stage, uint64_t done, uint64_t total);
  /// The same for a part of one long work: `done`, `total` and the time left are the whole work's, whatever its part.
  void UpdatePart(std::string_view part, uint64_t done, uint64_t total);
  /// Makes room for other output; the next Update shows it again.
  void Hide();

 private:
  using Clock = std::chrono::steady_clock;

  bool IsDueLocked(Clock::time_point now) const;
  double SecondsLocked(Clock::time_point now) const;
  void ShowLocked(Clock::time_point now, const std::string& line);

  std::FILE* const stream_;
  const Display display_;
  const std::chrono::milliseconds line_interval_;
  std::mutex mutex_;  ///< guards what follows
  std::string stage_;
  bool in_parts_ = false;  ///< stage_ is a part of a work that began at stage_start_
  Clock::time_point stage_start_ = Clock::now();
  std::optional<Clock::time_point> shown_at_;
  bool visible_ = false;
};

}  // namespace roberta::terminal
