#include "server/security/files.h"

#include <fcntl.h>
#include <openssl/crypto.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <condition_variable>
#include <cstring>
#include <utility>

#include "profiles/errors/errors.h"

namespace roberta::security {
namespace {

/// Longer than file systems take to show a change in the time of a file.
constexpr int64_t kSettledAfterNs = 2'000'000'000;

absl::Status CannotRead(const std::string& name, int error) {
  return errors::NotFound(name, ": cannot read: ", std::strerror(error));
}

int64_t NowNs() {
  return std::chrono::nanoseconds(std::chrono::system_clock::now().time_since_epoch()).count();
}

/// Of all contents, each with its length.
Sha256 HashOfAll(const std::vector<std::string>& contents) {
  std::string all;
  for (const std::string& content : contents) absl::StrAppend(&all, content.size(), ":", content);
  const Sha256 sha256 = HashOf(all);
  OPENSSL_cleanse(all.data(), all.size());  // a private key
  return sha256;
}

}  // namespace

absl::StatusOr<std::string> ReadSmallFile(const std::string& name) {
  const int file = open(name.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (file < 0) return CannotRead(name, errno);
  struct stat is = {};
  const bool fits = fstat(file, &is) == 0 && S_ISREG(is.st_mode);
  std::string text(kMostCredentialsBytes + 1, '\0');
  size_t bytes = 0;
  ssize_t got = 1;
  while (fits && got > 0 && bytes < text.size()) {
    got = read(file, text.data() + bytes, text.size() - bytes);
    bytes += got > 0 ? static_cast<size_t>(got) : 0;
  }
  const int error = errno;
  close(file);
  if (got < 0) return CannotRead(name, error);
  if (!fits || bytes > kMostCredentialsBytes) {
    return errors::InvalidArgument(name, ": not a file of up to ", kMostCredentialsBytes, " bytes");
  }
  text.resize(bytes);
  return text;
}

WatchedFiles::WatchedFiles(std::vector<std::string> names) : names_(std::move(names)) {}

WatchedFiles::Look WatchedFiles::LookAt(const std::string& name) {
  struct stat is = {};
  if (stat(name.c_str(), &is) != 0) return {.error = errno};
  const int64_t modified = is.st_mtim.tv_sec * int64_t{1'000'000'000} + is.st_mtim.tv_nsec;
  const int64_t changed = is.st_ctim.tv_sec * int64_t{1'000'000'000} + is.st_ctim.tv_nsec;
  return {.device = is.st_dev, .inode = is.st_ino, .bytes = is.st_size, .changed_ns = std::max(modified, changed)};
}

absl::StatusOr<std::optional<std::vector<std::string>>> WatchedFiles::ReadIfChanged() {
  std::vector<Look> looks;
  for (const std::string& name : names_) looks.push_back(LookAt(name));
  if (settled_ && looks == looks_) return std::nullopt;
  const int64_t now = NowNs();
  looks_ = looks;
  settled_ = std::ranges::all_of(
      looks, [now](const Look& look) { return look.error == 0 && now - look.changed_ns > kSettledAfterNs; });
  std::vector<std::string> contents;
  for (const std::string& name : names_) {
    absl::StatusOr<std::string> content = ReadSmallFile(name);
    if (!content.ok()) {
      if (failed_ == content.status()) return std::nullopt;
      last_sha256_.reset();
      return *(failed_ = content.status());
    }
    contents.push_back(*std::move(content));
  }
  failed_.reset();
  const Sha256 sha256 = HashOfAll(contents);
  if (sha256 == std::exchange(last_sha256_, sha256)) return std::nullopt;
  return contents;
}

SecurityFiles::SecurityFiles(SecurityFilesOptions options, Guard* guard)
    : options_(std::move(options)),
      guard_(guard),
      files_{WatchedFiles([this] {
               std::vector<std::string> names;
               if (!options_.certificate_file.empty()) names = {options_.certificate_file, options_.key_file};
               if (!names.empty() && !options_.client_ca_file.empty()) names.push_back(options_.client_ca_file);
               return names;
             }()),
             WatchedFiles(options_.credentials_file.empty() ? std::vector<std::string>()
                                                            : std::vector{options_.credentials_file})} {}

absl::StatusOr<std::unique_ptr<SecurityFiles>> SecurityFiles::Open(SecurityFilesOptions options, Guard* guard) {
  std::unique_ptr<SecurityFiles> files(new SecurityFiles(std::move(options), guard));
  for (const FileKind kind : {FileKind::kTls, FileKind::kCredentials}) {
    const std::optional<FileChange> change = files->Refresh(kind);
    if (!change) continue;
    RETURN_IF_ERROR(change->status);
    files->options_.changed(*change);
  }
  return files;
}

std::shared_ptr<const TlsMaterial> SecurityFiles::tls() const {
  const std::lock_guard lock(mutex_);
  return tls_;
}

std::optional<FileChange> SecurityFiles::Refresh(FileKind kind) {
  const auto contents = files_[static_cast<size_t>(kind)].ReadIfChanged();
  if (contents.ok() && (!*contents || (*contents)->empty())) return std::nullopt;
  absl::StatusOr<FileChange> change = contents.ok() ? Use(kind, **contents) : contents.status();
  if (change.ok()) return *std::move(change);
  return FileChange{kind, change.status(), std::string(change.status().message()), std::nullopt};
}

absl::StatusOr<FileChange> SecurityFiles::Use(FileKind kind, const std::vector<std::string>& contents) {
  if (kind == FileKind::kCredentials) {
    ASSIGN_OR_RETURN(const Credentials credentials, ParseCredentials(contents[0], options_.credentials_file));
    guard_->Use(credentials);
    return FileChange{kind, absl::OkStatus(),
                      absl::StrCat("using ", credentials.size(), " credentials of ", options_.credentials_file),
                      std::nullopt};
  }
  ASSIGN_OR_RETURN(TlsMaterial material, ReadTls({.certificate_chain = contents[0],
                                                  .key = contents[1],
                                                  .client_ca = contents.size() > 2 ? contents[2] : "",
                                                  .certificate_file = options_.certificate_file,
                                                  .key_file = options_.key_file,
                                                  .client_ca_file = options_.client_ca_file,
                                                  .require_client_certificate = options_.require_client_certificate}));
  FileChange change{kind, absl::OkStatus(), absl::StrCat("using the certificate of ", options_.certificate_file),
                    material.expires};
  for (const std::string& warning : material.warnings) absl::StrAppend(&change.line, "; ", warning);
  const std::lock_guard lock(mutex_);
  tls_ = std::make_shared<const TlsMaterial>(std::move(material));
  return change;
}

void SecurityFiles::Watch() {
  if (options_.certificate_file.empty() && options_.credentials_file.empty()) return;
  watch_ = std::jthread([this](const std::stop_token& stop) { WatchUntil(stop); });
}

void SecurityFiles::WatchUntil(const std::stop_token& stop) {
  std::mutex mutex;
  std::unique_lock lock(mutex);
  std::condition_variable_any stopped;
  while (!stopped.wait_for(lock, stop, options_.interval, [&] { return stop.stop_requested(); })) {
    for (const FileKind kind : {FileKind::kTls, FileKind::kCredentials}) {
      if (const std::optional<FileChange> change = Refresh(kind)) options_.changed(*change);
    }
  }
}

}  // namespace roberta::security
