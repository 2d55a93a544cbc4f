#include "loadtest/console/output.h"

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "absl/strings/str_cat.h"

namespace roberta::loadtest::console {

int Complain(const std::string& text, int exit_code) {
  std::fprintf(stderr, "roberta-loadtest: %s\n", text.c_str());
  return exit_code;
}

int Complain(const absl::Status& error, int exit_code) {
  return Complain(std::string(error.message()), exit_code);
}

absl::StatusOr<std::string> ReadFile(const std::string& name) {
  errno = 0;
  std::ifstream file(name, std::ios::binary);
  std::ostringstream text;
  if (file && text << file.rdbuf()) return text.str();
  return absl::NotFoundError(absl::StrCat(name, ": cannot read: ", errno == 0 ? "it is empty" : std::strerror(errno)));
}

absl::Status Output::Open(const std::string& name) {
  name_ = name;
  if (name.empty()) return absl::OkStatus();
  std::error_code failure;
  const bool is_new = name != kStandardOutput &&
                      std::filesystem::symlink_status(name, failure).type() == std::filesystem::file_type::not_found;
  file_ = name == kStandardOutput ? stdout : std::fopen(name.c_str(), "a");
  if (file_ == nullptr) return CannotWrite();
  if (is_new) std::remove(name.c_str());  // a program that fails leaves no empty file
  return absl::OkStatus();
}

Output::~Output() {
  if (file_ != nullptr && file_ != stdout) std::fclose(file_);
}

absl::Status Output::Write(const std::string& text) {
  if (file_ == nullptr) return absl::OkStatus();
  if (file_ != stdout && std::freopen(name_.c_str(), "w", file_) == nullptr) {
    file_ = nullptr;
    return CannotWrite();
  }
  const bool written = std::fwrite(text.data(), 1, text.size(), file_) == text.size() && std::fflush(file_) == 0;
  return written ? absl::OkStatus() : CannotWrite();
}

absl::Status Output::CannotWrite() const {
  return absl::PermissionDeniedError(absl::StrCat(name_, ": cannot write: ", std::strerror(errno)));
}

}  // namespace roberta::loadtest::console
