#include "loadtest/console/output.h"

#include <cerrno>
#include <cstring>
#include <filesystem>

#include "absl/strings/str_cat.h"

namespace roberta::loadtest::console {

int Complain(const std::string& text, int exit_code) {
  std::fprintf(stderr, "roberta-loadtest: %s\n", text.c_str());
  return exit_code;
}

int Complain(const absl::Status& error, int exit_code) {
  return Complain(std::string(error.message()), exit_code);
}

absl::Status Output::Open(const std::string& name) {
  name_ = name;
  if (name.empty()) return absl::OkStatus();
  const bool is_new = name != kStandardOutput && !std::filesystem::exists(std::filesystem::symlink_status(name));
  file_ = name == kStandardOutput ? stdout : std::fopen(name.c_str(), "a");
  if (file_ == nullptr) return Failure("cannot write");
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
    return Failure("cannot write");
  }
  const bool written = std::fwrite(text.data(), 1, text.size(), file_) == text.size() && std::fflush(file_) == 0;
  return written ? absl::OkStatus() : Failure("cannot write");
}

absl::Status Output::Failure(const char* what) const {
  return absl::PermissionDeniedError(absl::StrCat(name_, ": ", what, ": ", std::strerror(errno)));
}

}  // namespace roberta::loadtest::console
