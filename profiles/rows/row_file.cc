#include "profiles/rows/row_file.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <string_view>
#include <utility>

#include "profiles/errors/errors.h"

namespace roberta::rows {
namespace {

constexpr size_t kReadBytes = 64 << 10;
constexpr char kStandardInput[] = "-";

}  // namespace

absl::StatusOr<std::unique_ptr<RowFile>> RowFile::Open(const std::string& file, const RowFileOptions& options) {
  const bool standard_input = file == kStandardInput;
  const int fd = standard_input ? STDIN_FILENO : open(file.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return errors::NotFound(file, ": cannot open: ", std::strerror(errno));
  auto opened = std::make_unique<RowFile>(fd, standard_input ? "standard input" : file, options);
  opened->owns_fd_ = !standard_input;
  struct stat information = {};
  const bool known = fstat(fd, &information) == 0;
  if (known && S_ISDIR(information.st_mode)) {
    return errors::InvalidArgument(file, ": cannot read: ", std::strerror(EISDIR));
  }
  if (known && S_ISREG(information.st_mode)) opened->total_bytes_ = static_cast<uint64_t>(information.st_size);
  return opened;
}

RowFile::RowFile(int fd, std::string name, const RowFileOptions& options)
    : fd_(fd), name_(std::move(name)), options_(options), parser_({.format = options.format}) {}

RowFile::~RowFile() {
  if (owns_fd_) close(fd_);
}

RowFile::Outcome RowFile::Next(std::chrono::milliseconds patience, Row* row) {
  const auto until = std::chrono::steady_clock::now() + patience;
  while (true) {
    if (std::optional<Row> taken = TakeRow()) {
      if (taken->is_last) return Fail(taken->line, taken->problem);
      *row = *std::move(taken);
      return Outcome::kRow;
    }
    if (ended_) return Outcome::kEnd;
    const Outcome read = Read(until);
    if (read != Outcome::kRow) return read;
  }
}

RowFile::Outcome RowFile::Read(std::chrono::steady_clock::time_point until) {
  buffer_.erase(0, position_);
  searched_ -= position_;
  position_ = 0;
  const auto left =
      std::chrono::duration_cast<std::chrono::milliseconds>(until - std::chrono::steady_clock::now()).count();
  pollfd wait = {.fd = fd_, .events = POLLIN, .revents = 0};
  const int ready = poll(&wait, 1, left > 0 ? static_cast<int>(left) : 0);
  if (ready == 0 || (ready < 0 && errno == EINTR)) return Outcome::kNothingYet;
  const size_t before = buffer_.size();
  ssize_t got = -1;
  if (ready > 0) {
    buffer_.resize(before + kReadBytes);
    got = read(fd_, buffer_.data() + before, kReadBytes);
    buffer_.resize(before + (got > 0 ? static_cast<size_t>(got) : 0));
    if (got < 0 && (errno == EINTR || errno == EAGAIN)) return Outcome::kNothingYet;
  }
  if (got < 0) return Fail(parser_.lines(), absl::StrCat("cannot read: ", std::strerror(errno)));
  ended_ = got == 0;
  bytes_read_ += static_cast<uint64_t>(got);
  return Outcome::kRow;
}

RowFile::Outcome RowFile::Fail(size_t line, const std::string& problem) {
  error_ = errors::InvalidArgument(name_, line > 0 ? absl::StrCat(":", line) : "", ": ", problem);
  return Outcome::kFailed;
}

std::optional<Row> RowFile::TakeRow() {
  if (skipping_) return FinishSkipping();
  if (ended_ || buffer_.find('\n', searched_) != std::string::npos) {
    std::string_view rest = std::string_view(buffer_).substr(position_);
    std::optional<Row> row = parser_.Take(&rest, ended_);
    position_ = searched_ = buffer_.size() - rest.size();
    if (row) return row->bytes > options_.longest_line_bytes && !row->is_last ? TooLong(row->line) : row;
  }
  searched_ = buffer_.size();
  if (unread() <= options_.longest_line_bytes) return std::nullopt;
  skipping_ = true;
  return FinishSkipping();
}

/// Drops what there is of a line that is too long; its content is of no use any more.
std::optional<Row> RowFile::FinishSkipping() {
  const size_t end = buffer_.find('\n', position_);
  const bool is_whole = end != std::string::npos || ended_;
  position_ = searched_ = end != std::string::npos ? end + 1 : buffer_.size();
  if (!is_whole && parser_.can_skip()) return std::nullopt;
  skipping_ = false;
  Row row = TooLong(parser_.SkipLine());
  row.is_last = !parser_.can_skip();
  return row;
}

Row RowFile::TooLong(size_t line) const {
  return {.line = line,
          .problem = absl::StrCat("the line has more than ", options_.longest_line_bytes, " bytes"),
          .is_too_long = true};
}

}  // namespace roberta::rows
