#include "loadtest/target/server_process.h"

#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <regex>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "loadtest/process/child.h"
#include "profiles/errors/errors.h"

namespace roberta::loadtest::target {

namespace {

constexpr size_t kMostLineBytes = 4096;  // of which more are dropped
constexpr size_t kMostLines = 1000;      // that wait to be taken
constexpr size_t kShownBytes = 400;
constexpr std::string_view kProgramPrefix = "roberta-server: ";

using Clock = std::chrono::steady_clock;
using process::Descriptor;
using std::chrono::milliseconds;

constexpr milliseconds kGlance(20);       // between looks at a child
constexpr milliseconds kLastWords(1000);  // for what an ended child has written to be read
constexpr milliseconds kAfterKilling(10'000);

int OpenLog(const std::string& file) {
  return open(file.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
}

/// Loopback and free ports, and the line that says which: it must come, and as it is parsed.
std::vector<std::string> ArgumentsOf(const LaunchOptions& options, const Descriptor& config) {
  std::vector<std::string> arguments = {"--host",      "127.0.0.1", "--port",      "0",    "--metrics-port", "0",
                                        "--http-port", "off",       "--log-level", "info", "--log-format",   "text"};
  if (config.get() >= 0) arguments.insert(arguments.end(), {"--config", config.path()});
  arguments.insert(arguments.end(), options.flags.begin(), options.flags.end());
  return arguments;
}

using process::FindOnPath;
using process::IsProgram;

constexpr char kProgram[] = "roberta-server";

std::string BesideThisProgram() {
  std::error_code error;
  const std::filesystem::path self = std::filesystem::read_symlink("/proc/self/exe", error);
  return error ? std::string() : (self.parent_path() / kProgram).string();
}

}  // namespace

std::optional<ServingLine> ParseServingLine(std::string_view line) {
  static const std::regex kServing("serving gRPC on ([^, ]+), metrics on http://([^/ ]+)/metrics");
  std::match_results<std::string_view::const_iterator> match;
  if (!std::regex_search(line.begin(), line.end(), match, kServing)) return std::nullopt;
  return ServingLine{match.str(1), match.str(2)};
}

ProcessLog::ProcessLog(int pipe, int file) : pipe_(pipe), file_(file) {
  // Without the pipe the thread still ends with the process, only not before it.
  if (pipe2(wake_, O_CLOEXEC) != 0) wake_[0] = wake_[1] = -1;
  thread_ = std::thread([this] { Read(); });
}

ProcessLog::~ProcessLog() {
  if (wake_[1] >= 0) close(wake_[1]);
  thread_.join();
  if (wake_[0] >= 0) close(wake_[0]);
  close(pipe_);
  if (file_ >= 0) close(file_);
}

void ProcessLog::Read() {
  std::array<char, 65536> buffer = {};
  while (true) {
    std::array<pollfd, 2> wanted = {{{pipe_, POLLIN, 0}, {wake_[0], POLLIN, 0}}};
    if (poll(wanted.data(), wanted.size(), -1) < 0 && errno == EINTR) continue;
    if (wanted[1].revents != 0 && wanted[0].revents == 0) break;  // what is there already is still read
    const ssize_t bytes = read(pipe_, buffer.data(), buffer.size());
    if (bytes < 0 && errno == EINTR) continue;
    if (bytes <= 0) break;
    // A full disk must not end the run; the last lines are kept all the same.
    if (file_ >= 0) [[maybe_unused]]
      const ssize_t written = write(file_, buffer.data(), static_cast<size_t>(bytes));
    Take({buffer.data(), static_cast<size_t>(bytes)});
  }
  const std::lock_guard<std::mutex> lock(mutex_);
  if (!part_.empty()) TakeLine();
  ended_ = true;
  changed_.notify_all();
}

void ProcessLog::Take(std::string_view bytes) {
  const std::lock_guard<std::mutex> lock(mutex_);
  for (const char c : bytes) {
    if (c == '\n') {
      TakeLine();
    } else if (part_.size() < kMostLineBytes) {
      part_ += c;
    }
  }
  changed_.notify_all();
}

void ProcessLog::TakeLine() {
  if (!serving_) serving_ = ParseServingLine(part_);
  if (part_.find_first_not_of(" \t\r") != std::string::npos) last_ = part_;
  lines_.push_back(std::exchange(part_, {}));
  if (lines_.size() > kMostLines) lines_.pop_front();
}

std::vector<std::string> ProcessLog::TakeLines(std::chrono::milliseconds patience) {
  std::unique_lock<std::mutex> lock(mutex_);
  changed_.wait_for(lock, patience, [this] { return !lines_.empty() || ended_; });
  std::vector<std::string> lines(lines_.begin(), lines_.end());
  lines_.clear();
  return lines;
}

std::optional<ServingLine> ProcessLog::serving() const {
  const std::lock_guard<std::mutex> lock(mutex_);
  return serving_;
}

std::string ProcessLog::LastLine() const {
  const std::lock_guard<std::mutex> lock(mutex_);
  std::string_view last = last_;
  if (last.starts_with(kProgramPrefix)) last.remove_prefix(kProgramPrefix.size());
  std::string shown(last.substr(0, kShownBytes));
  std::replace_if(
      shown.begin(), shown.end(), [](unsigned char c) { return c < ' ' || c == 0x7f; }, '?');
  return shown;
}

void ProcessLog::WaitForEnd(std::chrono::milliseconds patience) const {
  std::unique_lock<std::mutex> lock(mutex_);
  changed_.wait_for(lock, patience, [this] { return ended_; });
}

absl::StatusOr<std::unique_ptr<ServerProcess>> ServerProcess::Start(const LaunchOptions& options) {
  Descriptor file(options.log_file.empty() ? -1 : OpenLog(options.log_file));
  if (file.get() < 0 && !options.log_file.empty()) {
    return absl::PermissionDeniedError(absl::StrCat(options.log_file, ": cannot write: ", std::strerror(errno)));
  }
  std::array<int, 2> pipe = {-1, -1};
  if (pipe2(pipe.data(), O_CLOEXEC) != 0) {
    return absl::InternalError(absl::StrCat("no pipe for the server's log: ", std::strerror(errno)));
  }
  Descriptor reading(pipe[0]), writing(pipe[1]);
  const Descriptor config = options.config.empty() ? Descriptor(-1) : process::MemoryFile(options.config);
  if (config.get() < 0 && !options.config.empty()) {
    return absl::InternalError(absl::StrCat("no room for the server's config: ", std::strerror(errno)));
  }
  ASSIGN_OR_RETURN(const pid_t pid, process::StartChild({.program = options.program,
                                                         .arguments = ArgumentsOf(options, config),
                                                         .output = writing.get(),
                                                         .inherited = {config.get()},
                                                         .cpus = options.cpus}));
  close(writing.Release());  // the child's alone, so that the log ends with it
  std::unique_ptr<ServerProcess> server(
      new ServerProcess(pid, std::make_unique<ProcessLog>(reading.Release(), file.Release())));
  absl::Status status = server->WaitUntilServing(options);
  if (status.ok()) return server;
  if (config.get() < 0) return status;
  return absl::Status(status.code(), absl::StrReplaceAll(status.message(), {{config.path(), "the given config"}}));
}

absl::Status ServerProcess::WaitUntilServing(const LaunchOptions& options) {
  const auto end = Clock::now() + options.timeout;
  while (true) {
    for (const std::string& line : log_->TakeLines(kGlance)) options.on_line(line);
    if (const auto serving = log_->serving()) {
      serving_ = *serving;
      return absl::OkStatus();
    }
    if (Ended()) return absl::FailedPreconditionError(HowItEnded());
    if (options.stop_requested()) return absl::CancelledError("stopped while the server was starting");
    if (Clock::now() >= end) {
      const std::string last = log_->LastLine();
      return absl::DeadlineExceededError(
          absl::StrCat("it does not serve after ", std::chrono::duration<double>(options.timeout).count(), " s",
                       last.empty() ? ", and says nothing" : absl::StrCat("; it last said: ", last)));
    }
  }
}

ServerProcess::~ServerProcess() {
  if (Ended()) return;
  kill(-pid_, SIGKILL);  // and whatever it has started
  Ended(kAfterKilling);
}

bool ServerProcess::Ended(milliseconds patience) {
  const auto end = Clock::now() + patience;
  while (true) {
    if (!ended_) ended_ = waitpid(pid_, &wait_status_, WNOHANG) == pid_;
    if (ended_) return true;
    if (Clock::now() >= end) return false;
    std::this_thread::sleep_for(kGlance);
  }
}

std::string ServerProcess::HowItEnded() {
  log_->WaitForEnd(kLastWords);
  const std::string last = log_->LastLine();
  if (WIFSIGNALED(wait_status_)) {
    const int number = WTERMSIG(wait_status_);
    return absl::StrCat("it was ended by signal ", number, " (", strsignal(number), ")",
                        last.empty() ? "" : absl::StrCat("; it last said: ", last));
  }
  const int code = WEXITSTATUS(wait_status_);
  if (last.empty()) return absl::StrCat("it ended with exit code ", code, " and said nothing");
  return code == 0 ? absl::StrCat("it ended by itself; it last said: ", last) : last;
}

absl::Status ServerProcess::CheckRunning() {
  return Ended() ? absl::FailedPreconditionError(HowItEnded()) : absl::OkStatus();
}

absl::Status ServerProcess::Stop(milliseconds patience) {
  if (!Ended()) {
    kill(pid_, SIGTERM);
    if (!Ended(patience)) {
      kill(-pid_, SIGKILL);
      Ended(kAfterKilling);
      return errors::FailedPrecondition("it had to be killed: it did not end within ",
                                        std::chrono::duration<double>(patience).count(), " s of SIGTERM");
    }
  }
  const bool in_order = WIFEXITED(wait_status_) && WEXITSTATUS(wait_status_) == 0;
  return in_order ? absl::OkStatus() : absl::FailedPreconditionError(HowItEnded());
}

absl::StatusOr<std::string> FindServerProgram(const std::string& named) {
  if (!named.empty()) {
    if (IsProgram(named)) return named;
    if (named.find('/') == std::string::npos) {
      if (const std::string found = FindOnPath(named); !found.empty()) return found;
    }
    return errors::NotFound(named, ": not a program");
  }
  const std::string beside = BesideThisProgram();
  if (IsProgram(beside)) return beside;
  if (std::string found = FindOnPath(kProgram); !found.empty()) return found;
  return errors::NotFound("there is no ", kProgram, " beside this program (", beside, ") nor on PATH");
}

absl::StatusOr<std::vector<int>> ParseCpus(const std::string& text) {
  std::vector<int> cpus;
  for (const absl::string_view part : absl::StrSplit(text, ',')) {
    const size_t dash = std::min(part.find('-'), part.size());
    const absl::string_view end = dash < part.size() ? part.substr(dash + 1) : part;
    int first = 0, last = 0;
    if (!absl::SimpleAtoi(part.substr(0, dash), &first) || !absl::SimpleAtoi(end, &last) || first < 0 || last < first ||
        last >= CPU_SETSIZE) {
      return errors::InvalidArgument("\"", text, "\" is not a list of cores such as 0,2-3");
    }
    for (int cpu = first; cpu <= last; ++cpu) cpus.push_back(cpu);
  }
  return cpus;
}

}  // namespace roberta::loadtest::target
