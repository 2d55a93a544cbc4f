#include "client/credentials.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <sstream>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "client/channel.h"

namespace roberta::client {
namespace {

absl::Status ReadFile(const std::string& name, std::string* text) {
  errno = 0;
  std::ifstream file(name, std::ios::binary);
  std::ostringstream read;
  if (file && read << file.rdbuf()) {
    *text = read.str();
    return absl::OkStatus();
  }
  return absl::NotFoundError(absl::StrCat(name, ": cannot read: ", errno == 0 ? "it is empty" : std::strerror(errno)));
}

/// Reads nothing where `name` is empty.
absl::Status ReadPem(const std::string& name, std::string* pem) {
  if (name.empty()) return absl::OkStatus();
  absl::Status status = ReadFile(name, pem);
  if (status.ok() && pem->find("-----BEGIN ") == std::string::npos) {
    status = absl::InvalidArgumentError(absl::StrCat(name, ": not a PEM file"));
  }
  return status;
}

absl::Status ReadToken(const std::string& name, std::string* token) {
  if (name.empty()) return absl::OkStatus();
  if (absl::Status status = ReadFile(name, token); !status.ok()) return status;
  absl::StripTrailingAsciiWhitespace(token);
  if (token->starts_with("\xEF\xBB\xBF")) token->erase(0, 3);  // a byte order mark
  const bool fits = std::ranges::all_of(*token, [](char c) { return c > ' ' && c <= '~'; });
  if (fits && !token->empty()) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat(name, ": not one line with a token of printable ASCII characters"));
}

}  // namespace

absl::StatusOr<Credentials> ReadCredentials(const CredentialFiles& files, const std::string& address) {
  if (!files.tls && !(files.ca + files.certificate + files.key + files.server_name).empty()) {
    return absl::InvalidArgumentError("a CA, a certificate, a key or a server's name needs TLS");
  }
  if (!files.tls && !files.token.empty() && !IsLocal(address)) {
    return absl::InvalidArgumentError("a token needs TLS, except to a loopback address or a Unix socket");
  }
  if (files.certificate.empty() != files.key.empty()) {
    return absl::InvalidArgumentError("a certificate needs its key, and a key its certificate");
  }
  Credentials credentials = {.tls = files.tls, .server_name = files.server_name};
  absl::Status status = ReadPem(files.ca, &credentials.ca_pem);
  status.Update(ReadPem(files.certificate, &credentials.certificate_pem));
  status.Update(ReadPem(files.key, &credentials.key_pem));
  status.Update(ReadToken(files.token, &credentials.token));
  if (!status.ok()) return status;
  return credentials;
}

}  // namespace roberta::client
