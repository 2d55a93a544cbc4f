#include "client/cli/item_source.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "absl/strings/str_cat.h"
#include "client/cli/line_reader.h"

namespace roberta::cli {

namespace {

constexpr char kStandardInput[] = "-";

class CommandLineSource final : public ItemSource {
 public:
  explicit CommandLineSource(std::vector<std::string> texts) : texts_(std::move(texts)) {}

  Outcome Next(std::chrono::milliseconds, Item* item) override {
    if (next_ == texts_.size()) return Outcome::kEnd;
    *item = Item{.index = next_, .place = absl::StrCat("text ", next_ + 1)};
    parser_->Parse(texts_[next_], item);
    ++next_;
    return Outcome::kItem;
  }

 private:
  const std::vector<std::string> texts_;
  const std::unique_ptr<ItemParser> parser_ = ItemParser::Make(InputFormat::kText);
  size_t next_ = 0;
};

class FileSource final : public ItemSource {
 public:
  FileSource(int fd, std::string name, uint64_t total_bytes, const FileOptions& options)
      : fd_(fd),
        name_(std::move(name)),
        total_bytes_(total_bytes),
        options_(options),
        reader_(fd, options.longest_line_bytes),
        parser_(ItemParser::Make(options.format)) {}
  ~FileSource() override {
    if (fd_ != STDIN_FILENO) close(fd_);
  }

  Outcome Next(std::chrono::milliseconds patience, Item* item) override {
    while (true) {
      const LineReader::Outcome outcome = reader_.Next(patience, &line_);
      if (outcome == LineReader::Outcome::kNothingYet) return Outcome::kNothingYet;
      if (outcome == LineReader::Outcome::kEnd) return Outcome::kEnd;
      if (outcome == LineReader::Outcome::kFailed) return Fail(absl::StrCat("cannot read: ", std::strerror(errno)));
      if (reader_.lines() == 1 && outcome == LineReader::Outcome::kLine) {
        const absl::StatusOr<bool> is_header = parser_->ReadHeader(line_);
        if (!is_header.ok()) return Fail(std::string(is_header.status().message()));
        if (*is_header) continue;
      }
      *item = Item{.index = index_++, .place = absl::StrCat(name_, ":", reader_.lines()), .end_bytes = reader_.bytes()};
      if (outcome == LineReader::Outcome::kTooLong) {
        item->problem = absl::InvalidArgumentError(
            absl::StrCat("the line has more than ", options_.longest_line_bytes, " bytes (--max-line-bytes)"));
      } else {
        parser_->Parse(line_, item);
      }
      return Outcome::kItem;
    }
  }

  absl::Status error() const override { return error_; }
  uint64_t total_bytes() const override { return total_bytes_; }

 private:
  Outcome Fail(const std::string& text) {
    error_ = absl::InvalidArgumentError(
        absl::StrCat(name_, reader_.lines() > 0 ? absl::StrCat(":", reader_.lines()) : "", ": ", text));
    return Outcome::kFailed;
  }

  const int fd_;
  const std::string name_;
  const uint64_t total_bytes_;
  const FileOptions options_;
  LineReader reader_;
  const std::unique_ptr<ItemParser> parser_;
  std::string line_;
  uint64_t index_ = 0;
  absl::Status error_;
};

}  // namespace

std::unique_ptr<ItemSource> TextsOfCommandLine(std::vector<std::string> texts) {
  return std::make_unique<CommandLineSource>(std::move(texts));
}

absl::StatusOr<std::unique_ptr<ItemSource>> LinesOfFile(const std::string& file, const FileOptions& options) {
  const bool standard_input = file == kStandardInput;
  const int fd = standard_input ? STDIN_FILENO : open(file.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return absl::NotFoundError(absl::StrCat(file, ": cannot open: ", std::strerror(errno)));
  struct stat information = {};
  const bool known = fstat(fd, &information) == 0;
  if (known && S_ISDIR(information.st_mode)) {
    if (!standard_input) close(fd);
    return absl::InvalidArgumentError(absl::StrCat(file, ": is a directory"));
  }
  const uint64_t bytes = known && S_ISREG(information.st_mode) ? static_cast<uint64_t>(information.st_size) : 0;
  return std::make_unique<FileSource>(fd, standard_input ? "standard input" : file, bytes, options);
}

}  // namespace roberta::cli
