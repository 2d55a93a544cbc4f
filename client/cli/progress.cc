#include "client/cli/progress.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

namespace roberta::cli {

namespace {

constexpr size_t kBarColumns = 20;
constexpr std::chrono::milliseconds kUpdateInterval(100);

std::string MinutesAndSeconds(double seconds) {
  const auto whole = static_cast<uint64_t>(seconds + 0.5);
  if (whole >= 3600) return absl::StrFormat("%d:%02d:%02d", whole / 3600, whole / 60 % 60, whole % 60);
  return absl::StrFormat("%d:%02d", whole / 60, whole % 60);
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
  std::string line;
  if (done.total_bytes > 0) {
    const double share = std::min(1.0, static_cast<double>(done.bytes) / static_cast<double>(done.total_bytes));
    const auto filled = static_cast<size_t>(share * kBarColumns);
    line = absl::StrFormat("[%s%s] %3.0f %%  ", std::string(filled, '#'), std::string(kBarColumns - filled, '-'),
                           100 * share);
  }
  absl::StrAppend(&line, WithSeparators(done.items), " items  ", absl::StrFormat("%.0f items/s", rate));
  if (done.total_bytes > 0 && done.bytes > 0) {
    const double share = static_cast<double>(done.bytes) / static_cast<double>(done.total_bytes);
    absl::StrAppend(&line, "  ", MinutesAndSeconds(std::max(0.0, seconds / share - seconds)), " left");
  }
  return line;
}

ProgressBar::ProgressBar(std::FILE* terminal, bool enabled) : terminal_(terminal), enabled_(enabled) {}

void ProgressBar::Update(const Done& done) {
  const Clock::time_point now = Clock::now();
  if (!enabled_ || (now - shown_at_ < kUpdateInterval && shown_at_ != start_)) return;
  shown_at_ = now;
  visible_ = true;
  std::fprintf(terminal_, "\r%s\x1b[K",
               ProgressLine(done, std::chrono::duration<double>(now - start_).count()).c_str());
  std::fflush(terminal_);
}

void ProgressBar::Hide() {
  if (!visible_) return;
  visible_ = false;
  std::fputs("\r\x1b[K", terminal_);
  std::fflush(terminal_);
}

}  // namespace roberta::cli
