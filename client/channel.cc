#include "client/channel.h"

#include <arpa/inet.h>

#include <cstdlib>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"

namespace roberta::client {
namespace {

std::shared_ptr<grpc::ChannelCredentials> ToGrpc(const Credentials& credentials) {
  if (!credentials.tls) return grpc::InsecureChannelCredentials();
  return grpc::SslCredentials({.pem_root_certs = credentials.ca_pem,
                               .pem_private_key = credentials.key_pem,
                               .pem_cert_chain = credentials.certificate_pem});
}

/// The host of an address that is not a Unix socket, without scheme, port and brackets.
std::string HostOf(std::string address) {
  for (const char* scheme : {"dns:", "ipv4:", "ipv6:"}) {
    if (absl::StartsWith(address, scheme)) address.erase(0, std::string(scheme).size());
  }
  if (absl::StartsWith(address, "//")) address.erase(0, address.find('/', 2) + 1);  // "//authority/host:port"
  if (absl::StartsWith(address, "[")) return address.substr(1, address.find(']') - 1);
  const size_t colon = address.find(':');
  return address.find(':', colon + 1) == std::string::npos ? address.substr(0, colon) : address;
}

const char* Variable(const char* name) {
  const char* const value = std::getenv(name);
  return value == nullptr ? "" : value;
}

/// gRPC takes no proxy for hosts that end in one of these.
bool IsExcepted(const std::string& host) {
  const std::string ends = *Variable("no_grpc_proxy") != '\0' ? Variable("no_grpc_proxy") : Variable("no_proxy");
  for (const absl::string_view end : absl::StrSplit(ends, ',', absl::SkipWhitespace())) {
    if (absl::EndsWithIgnoreCase(host, absl::StripAsciiWhitespace(end))) return true;
  }
  return false;
}

}  // namespace

std::shared_ptr<grpc::Channel> MakeChannel(const std::string& address, const Credentials& credentials,
                                           grpc::ChannelArguments arguments) {
  if (IsLocal(address)) arguments.SetInt(GRPC_ARG_ENABLE_HTTP_PROXY, 0);
  if (!credentials.server_name.empty()) arguments.SetSslTargetNameOverride(credentials.server_name);
  return grpc::CreateCustomChannel(address, ToGrpc(credentials), arguments);
}

void AddToken(const std::string& token, grpc::ClientContext* context) {
  if (!token.empty()) context->AddMetadata("authorization", absl::StrCat("Bearer ", token));
}

bool IsLocal(const std::string& address) {
  if (absl::StartsWith(address, "unix:") || absl::StartsWith(address, "unix-abstract:")) return true;
  const std::string host = HostOf(address);
  in_addr four = {};
  return host == "localhost" || host == "::1" ||
         (absl::StartsWith(host, "127.") && inet_aton(host.c_str(), &four) != 0);
}

std::string ThroughProxy(const std::string& address) {
  if (IsLocal(address) || IsExcepted(HostOf(address))) return "";
  for (const char* name : {"grpc_proxy", "https_proxy", "http_proxy"}) {  // in gRPC's order
    const std::string proxy = Variable(name);
    if (proxy.empty()) continue;
    const size_t host = proxy.find("://") == std::string::npos ? 0 : proxy.find("://") + 3;
    const size_t user = proxy.rfind('@');  // the last one, as passwords may have some
    return absl::StrCat("; the way leads through the proxy ", proxy.substr(user == std::string::npos ? host : user + 1),
                        ", by the variable ", name, " of the environment; no_proxy makes exceptions");
  }
  return "";
}

}  // namespace roberta::client
