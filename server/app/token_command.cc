#include "server/app/token_command.h"

#include <fcntl.h>
#include <openssl/rand.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <optional>

#include "absl/strings/escaping.h"
#include "profiles/errors/errors.h"
#include "server/security/credentials.h"
#include "server/security/files.h"

namespace roberta::app {
namespace {

constexpr size_t kTokenBytes = 32;

template <typename Bytes>
absl::string_view TextOf(const Bytes& bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

/// What the file has already; empty if there is none.
absl::StatusOr<std::string> ReadEntries(const std::string& file) {
  struct stat is = {};
  if (stat(file.c_str(), &is) != 0 && errno == ENOENT) return "";
  if ((is.st_mode & (S_IWGRP | S_IWOTH)) != 0) {
    return errors::FailedPrecondition(file, ": others may write to it, who could let anybody in (chmod go-w)");
  }
  return security::ReadSmallFile(file);
}

/// With one write, so that a server never reads half of it.
absl::Status Append(const std::string& file, const std::string& text) {
  const int opened = open(file.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, S_IRUSR | S_IWUSR);
  const bool written = opened >= 0 && write(opened, text.data(), text.size()) == static_cast<ssize_t>(text.size());
  const int error = errno;
  if (opened >= 0) close(opened);
  if (written) return absl::OkStatus();
  return errors::FailedPrecondition(file, ": cannot write: ", std::strerror(error));
}

}  // namespace

absl::StatusOr<NewCredential> MakeToken(const TokenRequest& request) {
  std::array<unsigned char, kTokenBytes> secret;
  if (RAND_priv_bytes(secret.data(), static_cast<int>(secret.size())) != 1) {
    return absl::UnavailableError("the system gives no random bytes");
  }
  NewCredential made;
  made.token =
      absl::StrCat("rt_", absl::WebSafeBase64Escape(TextOf(secret)));  // the prefix is for those who scan for secrets
  const security::Sha256 sha256 = security::HashOf(made.token);
  made.entry = absl::StrCat(request.name, " ", request.role, " ", absl::BytesToHexString(TextOf(sha256)));
  std::string entries;
  if (!request.file.empty()) {
    ASSIGN_OR_RETURN(entries, ReadEntries(request.file));
  }
  const bool ends_in_line = !entries.empty() && entries.back() != '\n';
  const std::string added = absl::StrCat(ends_in_line ? "\n" : "", made.entry, "\n");
  const std::string name = request.file.empty() ? "the new line" : request.file;
  RETURN_IF_ERROR(security::ParseCredentials(entries + added, name).status());
  if (!request.file.empty()) RETURN_IF_ERROR(Append(request.file, added));
  return made;
}

}  // namespace roberta::app
