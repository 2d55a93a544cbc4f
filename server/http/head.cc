#include "server/http/head.h"

#include <arpa/inet.h>

#include <algorithm>
#include <boost/beast/http/status.hpp>
#include <ctime>

namespace roberta::http {

namespace beast_http = boost::beast::http;

namespace {

/// "Mon, 30 Nov 2026 14:21:38 GMT", made once a second.
const std::string& DateNow() {
  static thread_local std::time_t made = 0;
  static thread_local std::string text;
  const std::time_t now = std::time(nullptr);
  if (now != made) {
    std::tm parts = {};
    gmtime_r(&now, &parts);
    char buffer[64];
    text.assign(buffer, std::strftime(buffer, sizeof buffer, "%a, %d %b %Y %H:%M:%S GMT", &parts));
    made = now;
  }
  return text;
}

bool IsFieldValue(const std::string& text) {
  return std::none_of(text.begin(), text.end(),
                      [](char c) { return static_cast<unsigned char>(c) < ' ' || c == 0x7f; });
}

}  // namespace

std::string ResponseHead(const Response& response, bool keep_alive) {
  const auto reason = beast_http::obsolete_reason(static_cast<beast_http::status>(response.status));
  std::string head = "HTTP/1.1 " + std::to_string(response.status) + " ";
  head.append(reason.data(), reason.size()).append("\r\nDate: ").append(DateNow());
  const auto add = [&head](std::string_view name, const std::string& value) {
    if (IsFieldValue(value)) head.append("\r\n").append(name).append(": ").append(value);
  };
  if (!response.content_type.empty()) add("Content-Type", response.content_type);
  add("Content-Length", std::to_string(response.body.size()));
  add("Connection", keep_alive ? "keep-alive" : "close");
  for (const auto& [name, value] : response.headers) add(name, value);
  return head.append("\r\n\r\n");
}

void SplitTarget(std::string_view target, Request* request) {
  for (const std::string_view scheme : {"http://", "https://"}) {
    if (!target.starts_with(scheme)) continue;
    const size_t slash = target.find_first_of("/?", scheme.size());
    target = slash == std::string_view::npos ? "/" : target.substr(slash);
  }
  if (!target.starts_with('/')) return;
  target = target.substr(0, target.find('#'));
  const size_t question = target.find('?');
  request->path = target.substr(0, question);
  if (question != std::string_view::npos) request->query = target.substr(question + 1);
}

bool IsLoopback(std::string_view host) {
  const size_t colon = host.rfind(':');
  const bool has_port = colon != std::string_view::npos && host.find(']', colon) == std::string_view::npos;
  const std::string name = LowerCase(std::string(host.substr(0, has_port ? colon : std::string_view::npos)));
  in_addr ipv4 = {};
  const bool is_loopback_ipv4 = inet_pton(AF_INET, name.c_str(), &ipv4) == 1 && ntohl(ipv4.s_addr) >> 24 == 127;
  return is_loopback_ipv4 || name == "[::1]" || name == "localhost";
}

std::string LowerCase(std::string text) {
  for (char& c : text) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c + 'a' - 'A');
  }
  return text;
}

}  // namespace roberta::http
