#include "loadtest/target/http_get.h"

#include <curl/curl.h>

#include <cstring>
#include <memory>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"

namespace roberta::loadtest::target {

namespace {

/// What came of a request, whatever its status.
struct Reply {
  CURLcode code = CURLE_OK;
  int system_error = 0;  ///< of the connection, if that failed
  int64_t status = 0;    ///< 0: the other side does not speak HTTP/1
  std::string body;
};

bool IsHostAndPort(const std::string& address) {
  const size_t colon = address.rfind(':');
  int port = 0;
  return colon != std::string::npos && colon > 0 && absl::SimpleAtoi(address.substr(colon + 1), &port) && port >= 1 &&
         port <= 65535;
}

/// "::1:8002" as URLs want it: "[::1]:8002".
std::string WithBrackets(const std::string& address) {
  const size_t colon = address.rfind(':');
  const bool bare_ipv6 = address.find(':') != colon && address.front() != '[';
  return bare_ipv6 ? absl::StrCat("[", address.substr(0, colon), "]", address.substr(colon)) : address;
}

/// A callback of libcurl's; anything but `bytes` ends the transfer.
size_t AppendToBody(char* data, size_t, size_t bytes, void* reply) {
  std::string& body = static_cast<Reply*>(reply)->body;
  if (body.size() + bytes > kMostPageBytes) return 0;
  body.append(data, bytes);
  return bytes;
}

Reply Fetch(const std::string& address, const std::string& path, std::chrono::milliseconds timeout) {
  Reply reply;
  const std::unique_ptr<CURL, decltype(&curl_easy_cleanup)> curl(curl_easy_init(), &curl_easy_cleanup);
  const std::string url = absl::StrCat("http://", WithBrackets(address), path);
  curl_easy_setopt(curl.get(), CURLOPT_URL, url.c_str());
  curl_easy_setopt(curl.get(), CURLOPT_PROXY, "");
  curl_easy_setopt(curl.get(), CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(curl.get(), CURLOPT_HTTP_VERSION, static_cast<long>(CURL_HTTP_VERSION_1_0));  // NOLINT: its type
  curl_easy_setopt(curl.get(), CURLOPT_TIMEOUT_MS, static_cast<long>(timeout.count()));          // NOLINT: its type
  curl_easy_setopt(curl.get(), CURLOPT_WRITEFUNCTION, &AppendToBody);
  curl_easy_setopt(curl.get(), CURLOPT_WRITEDATA, &reply);
  reply.code = curl_easy_perform(curl.get());
  long status = 0, system_error = 0;  // NOLINT: libcurl's type
  curl_easy_getinfo(curl.get(), CURLINFO_RESPONSE_CODE, &status);
  curl_easy_getinfo(curl.get(), CURLINFO_OS_ERRNO, &system_error);
  reply.status = status;
  reply.system_error = static_cast<int>(system_error);
  return reply;
}

std::string WhatWentWrong(const Reply& reply) {
  if (reply.code == CURLE_WRITE_ERROR) return absl::StrCat("the page has more than ", kMostPageBytes, " bytes");
  if (reply.code == CURLE_COULDNT_CONNECT && reply.system_error != 0) return std::strerror(reply.system_error);
  if (reply.code != CURLE_OK) return curl_easy_strerror(reply.code);
  return absl::StrCat("the HTTP status is ", reply.status);
}

}  // namespace

absl::StatusOr<std::string> HttpGet(const std::string& address, const std::string& path,
                                    std::chrono::milliseconds timeout) {
  if (!IsHostAndPort(address)) return absl::InvalidArgumentError(absl::StrCat("\"", address, "\" is not HOST:PORT"));
  Reply reply = Fetch(address, path, timeout);
  if (reply.code == CURLE_OPERATION_TIMEDOUT) {
    return absl::DeadlineExceededError(absl::StrCat(address, ": no answer within ", timeout.count(), " ms"));
  }
  constexpr int64_t kOk = 200;
  if (reply.code == CURLE_OK && reply.status == kOk) return std::move(reply.body);
  return absl::UnavailableError(absl::StrCat(address, ": ", WhatWentWrong(reply)));
}

bool SpeaksHttp1(const std::string& address, std::chrono::milliseconds timeout) {
  return IsHostAndPort(address) && Fetch(address, "/", timeout).status != 0;
}

}  // namespace roberta::loadtest::target
