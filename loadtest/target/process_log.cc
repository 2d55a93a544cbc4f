#include "loadtest/target/process_log.h"

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <regex>
#include <utility>

namespace roberta::loadtest::target {

namespace {

constexpr size_t kMostLineBytes = 4096;  // of which more are dropped
constexpr size_t kMostLines = 1000;      // that wait to be taken
constexpr size_t kShownBytes = 400;
constexpr std::string_view kProgramPrefix = "roberta-server: ";

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

}  // namespace roberta::loadtest::target
