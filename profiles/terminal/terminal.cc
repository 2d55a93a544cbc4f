#include "profiles/terminal/terminal.h"

#include <fcntl.h>
#include <sys/ioctl.h>
#include <unicode/uchar.h>
#include <unicode/utf8.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <new>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "version/version.h"

namespace roberta::terminal {
namespace {

constexpr UChar32 kReplacement = 0xFFFD;
constexpr char kEllipsis[] = "\xE2\x80\xA6";

/// Category of what takes no room of its own.
bool IsInvisible(UChar32 code_point) {
  return (U_GET_GC_MASK(code_point) & (U_GC_MN_MASK | U_GC_ME_MASK | U_GC_CF_MASK)) != 0;
}

bool IsControl(UChar32 code_point) {
  // Line and paragraph separators and directional controls can rearrange a line as well.
  return (U_GET_GC_MASK(code_point) & (U_GC_CC_MASK | U_GC_ZL_MASK | U_GC_ZP_MASK)) != 0 ||
         u_hasBinaryProperty(code_point, UCHAR_BIDI_CONTROL);
}

size_t ColumnsOfCodePoint(UChar32 code_point) {
  if (IsControl(code_point)) return 1;
  if (IsInvisible(code_point)) return 0;
  const int width = u_getIntPropertyValue(code_point, UCHAR_EAST_ASIAN_WIDTH);
  return width == U_EA_WIDE || width == U_EA_FULLWIDTH ? 2 : 1;
}

UChar32 Next(std::string_view text, size_t* at) {
  UChar32 code_point;
  U8_NEXT(text.data(), *at, text.size(), code_point);
  return code_point < 0 ? kReplacement : code_point;
}

constexpr size_t kBarColumns = 20;
constexpr size_t kUsualColumns = 80;
constexpr std::chrono::milliseconds kPaintInterval(100);

std::string MinutesAndSeconds(double seconds) {
  const auto whole = static_cast<uint64_t>(seconds + 0.5);
  if (whole >= 3600) return absl::StrFormat("%d:%02d:%02d", whole / 3600, whole / 60 % 60, whole % 60);
  return absl::StrFormat("%d:%02d", whole / 60, whole % 60);
}

/// "[#####---------------]  25 %"; nothing without a total.
std::string Bar(uint64_t done, uint64_t total) {
  if (total == 0) return "";
  const double share = std::min(1.0, static_cast<double>(done) / static_cast<double>(total));
  const auto filled = static_cast<size_t>(share * kBarColumns);
  return absl::StrFormat("[%s%s] %3.0f %%", std::string(filled, '#'), std::string(kBarColumns - filled, '-'),
                         100 * share);
}

/// "  0:30 left"; nothing before something is done, or without a total.
std::string TimeLeft(uint64_t done, uint64_t total, double seconds) {
  if (total == 0 || done == 0) return "";
  const double share = static_cast<double>(done) / static_cast<double>(total);
  return absl::StrCat("  ", MinutesAndSeconds(std::max(0.0, seconds / share - seconds)), " left");
}

volatile std::sig_atomic_t stop_requested = 0;

}  // namespace

size_t ColumnsOf(std::string_view text) {
  size_t columns = 0;
  for (size_t at = 0; at < text.size();) columns += ColumnsOfCodePoint(Next(text, &at));
  return columns;
}

std::string FitToColumns(std::string_view text, size_t columns) {
  std::string fitted;
  size_t used = 0, cut_at = 0, used_at_cut = 0;  // the cut leaves a column for the ellipsis
  for (size_t at = 0; at < text.size();) {
    const size_t begin = at;
    const UChar32 code_point = Next(text, &at);
    const size_t width = ColumnsOfCodePoint(code_point);
    if (used + width > columns) {
      fitted.resize(cut_at);
      if (columns > 0) fitted += kEllipsis;
      used = used_at_cut + (columns > 0 ? 1 : 0);
      break;
    }
    if (IsControl(code_point)) {
      fitted += ' ';
    } else {
      fitted += text.substr(begin, at - begin);
    }
    used += width;
    if (used < columns) {
      cut_at = fitted.size();
      used_at_cut = used;
    }
  }
  return fitted.append(columns - used, ' ');
}

std::string Shown(std::string_view text) {
  return FitToColumns(text, ColumnsOf(text));
}

size_t TerminalColumns(int fd, size_t otherwise) {
  winsize size = {};
  return ioctl(fd, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : otherwise;
}

std::string TableText(const std::vector<std::vector<std::string>>& rows) {
  std::vector<size_t> widths(rows.front().size(), 0);
  for (const auto& row : rows) {
    for (size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], ColumnsOf(row[i]));
  }
  std::string text;
  for (const auto& row : rows) {
    std::string line;
    for (size_t i = 0; i < row.size(); ++i) absl::StrAppend(&line, i > 0 ? "  " : "", FitToColumns(row[i], widths[i]));
    line.erase(line.find_last_not_of(' ') + 1);
    absl::StrAppend(&text, line, "\n");
  }
  return text;
}

std::string WithSeparators(uint64_t number) {
  const std::string digits = std::to_string(number);
  std::string text;
  for (size_t i = 0; i < digits.size(); ++i) {
    if (i > 0 && (digits.size() - i) % 3 == 0) text += ',';
    text += digits[i];
  }
  return text;
}

std::string ProgressLine(const Done& done, double seconds) {
  const double rate = seconds > 0 ? static_cast<double>(done.items) / seconds : 0;
  return absl::StrCat(Bar(done.bytes, done.total_bytes), done.total_bytes > 0 ? "  " : "", WithSeparators(done.items),
                      " items  ", absl::StrFormat("%.0f items/s", rate),
                      TimeLeft(done.bytes, done.total_bytes, seconds));
}

std::string StageLine(std::string_view stage, uint64_t done, uint64_t total, double seconds) {
  return absl::StrCat(std::string(stage), total > 0 ? "  " : "", Bar(done, total), TimeLeft(done, total, seconds));
}

Display DisplayFor(std::FILE* stream) {
  return isatty(fileno(stream)) != 0 ? Display::kBar : Display::kLines;
}

ProgressBar::ProgressBar(std::FILE* stream, Display display, std::chrono::milliseconds line_interval)
    : stream_(stream), display_(display), line_interval_(line_interval) {
  if (display == Display::kLines) shown_at_ = stage_start_;
}

void ProgressBar::Update(const Done& done) {
  const Clock::time_point now = Clock::now();
  const std::lock_guard lock(mutex_);
  if (IsDueLocked(now)) ShowLocked(now, ProgressLine(done, SecondsLocked(now)));
}

void ProgressBar::Update(std::string_view stage, uint64_t done, uint64_t total) {
  const Clock::time_point now = Clock::now();
  const std::lock_guard lock(mutex_);
  if (stage != stage_ || in_parts_) {
    in_parts_ = false;
    stage_ = stage;
    stage_start_ = now;
    if (display_ == Display::kBar) shown_at_.reset();
  }
  if (IsDueLocked(now)) ShowLocked(now, StageLine(stage, done, total, SecondsLocked(now)));
}

void ProgressBar::UpdatePart(std::string_view part, uint64_t done, uint64_t total) {
  const Clock::time_point now = Clock::now();
  const std::lock_guard lock(mutex_);
  if (!in_parts_) stage_start_ = now;
  in_parts_ = true;
  stage_ = part;
  if (IsDueLocked(now)) ShowLocked(now, StageLine(part, done, total, SecondsLocked(now)));
}

void ProgressBar::Hide() {
  const std::lock_guard lock(mutex_);
  if (!visible_) return;
  visible_ = false;
  std::fputs("\r\x1b[K", stream_);
  std::fflush(stream_);
}

bool ProgressBar::IsDueLocked(Clock::time_point now) const {
  if (display_ == Display::kNone) return false;
  if (!shown_at_) return true;
  return now - *shown_at_ >= (display_ == Display::kBar ? kPaintInterval : line_interval_);
}

double ProgressBar::SecondsLocked(Clock::time_point now) const {
  return std::chrono::duration<double>(now - stage_start_).count();
}

void ProgressBar::ShowLocked(Clock::time_point now, const std::string& line) {
  shown_at_ = now;
  if (display_ == Display::kLines) {
    std::fprintf(stream_, "progress: %s\n", Shown(line).c_str());
  } else {
    // A line that fills the terminal would wrap, and painting over it would leave its first half behind.
    const size_t room = TerminalColumns(fileno(stream_), kUsualColumns) - 1;
    std::fprintf(stream_, "\r%s\x1b[K", FitToColumns(line, std::min(room, ColumnsOf(line))).c_str());
    visible_ = true;
  }
  std::fflush(stream_);
}

int RunProgram(const char* name, const std::function<int()>& run) {
  for (const int fd : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) {
    if (fcntl(fd, F_GETFD) < 0) open("/dev/null", fd == STDIN_FILENO ? O_WRONLY : O_RDONLY);  // takes the lowest number
  }
  std::signal(SIGPIPE, SIG_IGN);
  int exit_code = 1;
  try {
    exit_code = run();
  } catch (const std::bad_alloc&) {
    std::fprintf(stderr, "%s: there is not enough memory\n", name);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s: %s\n", name, error.what());
  }
  errno = 0;
  const bool written = std::fflush(stdout) == 0 && std::ferror(stdout) == 0;
  if (exit_code != 0 || written) return exit_code;
  const int error = errno;
  if (error != EPIPE) {
    std::fprintf(stderr, "%s: cannot write to standard output%s%s\n", name, error == 0 ? "" : ": ",
                 error == 0 ? "" : std::strerror(error));
  }
  return 1;
}

int RunSubcommand(CLI::App* app, std::vector<std::string> arguments, const int* exit_code, const char* advice) {
  const std::string& name = app->get_name();
  app->set_version_flag("--version", absl::StrCat(name, " ", version::kLong), "Print the version and exit");
  AddCompletion(app);
  app->require_subcommand(0, 1);  // with 1 at least, an unknown subcommand would not be named
  try {
    for (const std::string& argument : arguments) {
      if (argument == "--") break;
      // CLI11 would take it for -h and more.
      if (argument.starts_with("-h") && argument.size() > 2) throw CLI::ExtrasError({argument});
    }
    std::ranges::reverse(arguments);  // as CLI11 wants them
    app->parse(std::move(arguments));
    if (app->get_subcommands().empty()) throw CLI::RequiredError("A subcommand");
  } catch (const CLI::Success& success) {
    return app->exit(success);
  } catch (const CLI::ParseError& error) {
    const bool unexpected = dynamic_cast<const CLI::ExtrasError*>(&error) != nullptr;
    std::fprintf(stderr, "%s: %s%s (see %s --help)\n", name.c_str(), error.what(), unexpected ? advice : "",
                 name.c_str());
    return 2;
  }
  return *exit_code;
}

void CatchStopSignals() {
  struct sigaction action = {};
  action.sa_handler = [](int) { stop_requested = 1; };
  action.sa_flags = static_cast<int>(SA_RESETHAND);  // without SA_RESTART
  sigaction(SIGINT, &action, nullptr);
  sigaction(SIGTERM, &action, nullptr);
}

bool StopRequested() {
  return stop_requested != 0;
}

}  // namespace roberta::terminal
