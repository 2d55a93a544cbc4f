#include "server/config/security_entries.h"

#include <utility>

#include "profiles/errors/errors.h"
#include "server/config/checks.h"

namespace roberta::config {
namespace {

bool HasTls(const ServerConfig& config) {
  return !config.tls().certificate_file().empty();
}

absl::Status CheckTls(const Tls& tls) {
  const struct {
    const char* field;
    const std::string& file;
    const char* other;
    const std::string& needed;
  } pairs[] = {
      {"tls.key_file", tls.key_file(), "tls.certificate_file (--tls-certificate)", tls.certificate_file()},
      {"tls.certificate_file", tls.certificate_file(), "tls.key_file (--tls-key)", tls.key_file()},
      {"tls.client_ca_file", tls.client_ca_file(), "tls.certificate_file (--tls-certificate)", tls.certificate_file()},
  };
  for (const auto& [field, file, other, needed] : pairs) {
    if (!file.empty() && needed.empty()) return WrongValue(field, Shown(file), absl::StrCat("given with ", other));
  }
  if (tls.require_client_certificate() && tls.client_ca_file().empty()) {
    return WrongValue("tls.require_client_certificate", "true", "given with tls.client_ca_file (--tls-client-ca)");
  }
  return absl::OkStatus();
}

}  // namespace

void CompleteSecurity(ServerConfig* config) {
  Access& access = *config->mutable_access();
  if (access.has_anonymous_role()) return;
  const bool is_open = access.credentials_file().empty() && config->tls().client_ca_file().empty();
  access.set_anonymous_role(is_open ? "admin" : "none");
}

std::string WhatIsOpen(const ServerConfig& config) {
  if (IsLoopbackHost(config.listen().host())) return "";
  const bool all_may_administer = config.access().anonymous_role() == "admin";
  if (HasTls(config) && !all_may_administer) return "";
  return absl::StrCat(
      HasTls(config) ? "" : "calls and tokens can be read and changed on the way, as there is no TLS",
      !HasTls(config) && all_may_administer ? ", and " : "",
      all_may_administer ? "everybody may load and unload profiles, as access.anonymous_role is admin" : "");
}

absl::Status CheckSecurity(const ServerConfig& config) {
  const Access& access = config.access();
  for (const auto& [field, value] : std::initializer_list<std::pair<const char*, const std::string&>>{
           {"tls.certificate_file", config.tls().certificate_file()},
           {"tls.key_file", config.tls().key_file()},
           {"tls.client_ca_file", config.tls().client_ca_file()},
           {"access.credentials_file", access.credentials_file()}}) {
    RETURN_IF_ERROR(CheckUtf8(field, value));
  }
  RETURN_IF_ERROR(CheckTls(config.tls()));
  RETURN_IF_ERROR(
      CheckOneOf("access.anonymous_role", access.anonymous_role(), {"none", "metadata", "inference", "admin"}));
  if (access.credentials_file().empty() && access.anonymous_role() == "none") {
    return WrongValue("access.anonymous_role",
                      "none though there is no access.credentials_file, so that nobody could call",
                      "metadata, inference or admin, or --credentials-file must name a file");
  }
  if (const std::string open = WhatIsOpen(config); !open.empty() && !config.listen().allow_insecure()) {
    return WrongValue("listen.host", absl::StrCat(Shown(config.listen().host()), ", where others can connect: ", open),
                      "loopback, or that must be asked for (listen.allow_insecure, --allow-insecure)");
  }
  return absl::OkStatus();
}

}  // namespace roberta::config
