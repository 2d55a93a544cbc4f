#include "profiles/terminal/progress.h"

#include <unistd.h>

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "profiles/terminal/displayed_text.h"

namespace roberta::terminal {
namespace {

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

}  // namespace

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

}  // namespace roberta::terminal
