#include "client/cli/line_reader.h"

#include <poll.h>
#include <unistd.h>

#include <cerrno>

namespace roberta::cli {

namespace {

constexpr size_t kReadBytes = 64 << 10;
constexpr char kByteOrderMark[] = "\xEF\xBB\xBF";

}  // namespace

LineReader::Outcome LineReader::HandOut(std::string* line) {
  if (lines_ == 0 && line->compare(0, 3, kByteOrderMark) == 0) line->erase(0, 3);
  if (!line->empty() && line->back() == '\r') line->pop_back();
  ++lines_;
  return Outcome::kLine;
}

bool LineReader::TakeLine(std::string* line, Outcome* outcome) {
  const size_t end = buffer_.find('\n', searched_);
  if (end == std::string::npos) {
    searched_ = buffer_.size();
    if (unread() > longest_line_bytes_) {
      // Its content is of no use any more; only its end is looked for.
      too_long_ = true;
      buffer_.clear();
      position_ = searched_ = 0;
    }
    return false;
  }
  if (too_long_ || end - position_ > longest_line_bytes_) {
    too_long_ = false;
    ++lines_;
    *outcome = Outcome::kTooLong;
  } else {
    line->assign(buffer_, position_, end - position_);
    *outcome = HandOut(line);
  }
  position_ = searched_ = end + 1;
  return true;
}

LineReader::Outcome LineReader::Finish(std::string* line) {
  if (too_long_) {
    too_long_ = false;
    ++lines_;
    return Outcome::kTooLong;
  }
  if (unread() == 0) return Outcome::kEnd;
  line->assign(buffer_, position_);
  position_ = searched_ = buffer_.size();
  return HandOut(line);
}

LineReader::Outcome LineReader::Next(std::chrono::milliseconds patience, std::string* line) {
  const auto end = std::chrono::steady_clock::now() + patience;
  while (true) {
    Outcome outcome;
    if (TakeLine(line, &outcome)) return outcome;
    buffer_.erase(0, position_);
    searched_ -= position_;
    position_ = 0;
    const auto left =
        std::chrono::duration_cast<std::chrono::milliseconds>(end - std::chrono::steady_clock::now()).count();
    pollfd wait = {.fd = fd_, .events = POLLIN, .revents = 0};
    const int ready = poll(&wait, 1, left > 0 ? static_cast<int>(left) : 0);
    if (ready == 0 || (ready < 0 && errno == EINTR)) return Outcome::kNothingYet;
    if (ready < 0) return Outcome::kFailed;
    const size_t before = buffer_.size();
    buffer_.resize(before + kReadBytes);
    const ssize_t got = read(fd_, buffer_.data() + before, kReadBytes);
    buffer_.resize(before + (got > 0 ? static_cast<size_t>(got) : 0));
    if (got < 0) return errno == EINTR || errno == EAGAIN ? Outcome::kNothingYet : Outcome::kFailed;
    if (got == 0) return Finish(line);
    bytes_ += static_cast<uint64_t>(got);
  }
}

}  // namespace roberta::cli
