#include "profiles/tool/output_file.h"

#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <filesystem>
#include <system_error>

#include "absl/strings/str_cat.h"
#include "profiles/checkpoint/atomic_file.h"
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
