#include "profiles/tool/output.h"

#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <system_error>

#include "absl/strings/str_cat.h"
#include "profiles/checkpoint/files.h"
#include "profiles/checkpoint/save.h"

namespace roberta::tool {
namespace {

/// A device, a pipe, a directory: renaming a file over it would put it out of the way.
bool IsSpecial(const std::string& path) {
  std::error_code failure;
  return std::filesystem::exists(path, failure) && !std::filesystem::is_regular_file(path, failure);
}

absl::Status Failure(const std::string& path) {
  return absl::ErrnoToStatus(errno, absl::StrCat(path, ": cannot write"));
}

absl::Status WriteDirectly(const std::string& path, std::string_view text) {
  std::FILE* file = std::fopen(path.c_str(), "wb");
  if (file == nullptr) return Failure(path);
  const bool written = std::fwrite(text.data(), 1, text.size(), file) == text.size();
  absl::Status status = written ? absl::OkStatus() : Failure(path);
  if (std::fclose(file) != 0 && status.ok()) status = Failure(path);
  return status;
}

}  // namespace

void PrintError(const absl::Status& status) {
  std::fprintf(stderr, "error: %s\n", std::string(status.message()).c_str());
}

bool LineOutput::Write(std::string_view line) {
  if (error_ != 0) return false;
  const bool written = std::fwrite(line.data(), 1, line.size(), stream_) == line.size();
  if (!written || (!line.ends_with('\n') && std::fputc('\n', stream_) == EOF)) error_ = errno;
  return error_ == 0;
}

bool LineOutput::Flush() {
  if (error_ == 0 && std::fflush(stream_) != 0) error_ = errno;
  return error_ == 0;
}

void LineOutput::ReportFailure() const {
  if (error_ == 0 || error_ == EPIPE) return;
  std::fprintf(stderr, "error: cannot write to standard output: %s\n", std::strerror(error_));
}

absl::Status CheckOutputFile(const std::string& path) {
  if (!IsSpecial(path)) return checkpoint::AtomicFile::Create(path).status();
  const bool can_be_written = !std::filesystem::is_directory(path) && access(path.c_str(), W_OK) == 0;
  if (can_be_written) return absl::OkStatus();
  if (std::filesystem::is_directory(path)) errno = EISDIR;
  return Failure(path);
}

absl::Status WriteOutputFile(const std::string& path, std::string_view text) {
  if (IsSpecial(path)) return WriteDirectly(path, text);
  return checkpoint::WriteTextFile(path, text);
}

}  // namespace roberta::tool
