#include "loadtest/target/metrics_page.h"

#include <curl/curl.h>

#include <algorithm>
#include <cstring>
#include <memory>
#include <utility>

#include "absl/strings/numbers.h"
#include "profiles/errors/errors.h"

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

constexpr char kPath[] = "/metrics";
constexpr std::string_view kBucket = "_bucket";

bool BeginsName(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

bool ContinuesName(char c) {
  return BeginsName(c) || (c >= '0' && c <= '9');
}

/// A line, read from left to right. The first thing that a step finds wrong is kept; nothing is read after it.
class Line {
 public:
  explicit Line(std::string_view text) : rest_(text) {}

  bool AtEnd() const { return rest_.empty(); }
  const char* wrong() const { return wrong_; }

  bool Take(char c) {
    if (rest_.empty() || rest_.front() != c) return false;
    rest_.remove_prefix(1);
    return true;
  }

  void SkipBlanks() { rest_.remove_prefix(std::min(rest_.find_first_not_of(" \t"), rest_.size())); }

  /// Of a metric, which may have colons, or of a label.
  std::string_view Name(bool colons) {
    size_t length = 0;
    const auto fits = [&](char c) { return (length == 0 ? BeginsName(c) : ContinuesName(c)) || (colons && c == ':'); };
    while (length < rest_.size() && fits(rest_[length])) ++length;
    if (length == 0) Fail("a name is missing");
    return Cut(length);
  }

  /// What stands between quotes, with \\, \" and \n resolved.
  std::string Quoted() {
    std::string text;
    if (!Take('"')) Fail("a label's value has no quotes");
    while (wrong_ == nullptr && !Take('"')) {
      const bool escaped = Take('\\');
      if (rest_.empty()) {
        Fail("a label's value has no end");
        break;
      }
      const char c = Cut(1).front();
      if (escaped && c != '\\' && c != '"' && c != 'n') Fail("a label's value has an unknown escape");
      text += escaped && c == 'n' ? '\n' : c;
    }
    return text;
  }

  /// As Take('{') found it, up to the closing brace.
  Labels LabelsInBraces() {
    Labels labels;
    SkipBlanks();
    while (wrong_ == nullptr && !Take('}')) {
      std::string name(Name(false));
      SkipBlanks();
      if (!Take('=')) Fail("a label has no value");
      SkipBlanks();
      std::string value = Quoted();
      SkipBlanks();
      if (!labels.emplace(std::move(name), std::move(value)).second) Fail("a label is there twice");
      if (!Take(',') && (rest_.empty() || rest_.front() != '}')) Fail("labels have no end");
      SkipBlanks();
    }
    return labels;
  }

  /// A number, as Go writes them.
  double Value() {
    const std::string_view word = Word();
    double value = 0;
    // Hexadecimal and what absl takes for blanks are no part of a number here.
    const bool plain = word.find_first_of("xXpP\r\v\f") == std::string_view::npos;
    if (!plain || !absl::SimpleAtod({word.data(), word.size()}, &value)) Fail("its value is not a number");
    return value;
  }

  /// Milliseconds since 1970.
  void Timestamp() {
    const std::string_view word = Word();
    int64_t ms = 0;
    if (!absl::SimpleAtoi({word.data(), word.size()}, &ms)) Fail("its timestamp is not a whole number");
  }

  void Fail(const char* what) {
    if (wrong_ == nullptr) wrong_ = what;
    rest_ = {};
  }

 private:
  std::string_view Word() { return Cut(std::min(rest_.find_first_of(" \t"), rest_.size())); }
  std::string_view Cut(size_t length) {
    const std::string_view cut = rest_.substr(0, length);
    rest_.remove_prefix(length);
    return cut;
  }

  std::string_view rest_;
  const char* wrong_ = nullptr;
};

struct Named {
  std::string_view name;
  MetricSeries series;
};

/// A line that is neither empty nor a comment, or what is wrong with it.
std::pair<Named, const char*> ReadSeries(Line line) {
  Named read;
  read.name = line.Name(true);
  line.SkipBlanks();
  if (line.Take('{')) read.series.labels = line.LabelsInBraces();
  line.SkipBlanks();
  read.series.value = line.Value();
  line.SkipBlanks();
  if (!line.AtEnd()) line.Timestamp();
  line.SkipBlanks();
  if (!line.AtEnd()) line.Fail("something stands behind its time");
  return {std::move(read), line.wrong()};
}

bool HasAll(const Labels& labels, const Labels& wanted) {
  return std::ranges::all_of(wanted, [&](const auto& one) {
    const auto found = labels.find(one.first);
    return found != labels.end() && found->second == one.second;
  });
}

}  // namespace

absl::StatusOr<std::string> HttpGet(const std::string& address, const std::string& path,
                                    std::chrono::milliseconds timeout) {
  if (!IsHostAndPort(address)) return errors::InvalidArgument("\"", address, "\" is not HOST:PORT");
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

absl::StatusOr<MetricsPage> MetricsPage::Parse(std::string_view text) {
  MetricsPage page;
  for (size_t number = 1; !text.empty(); ++number) {
    const size_t end = std::min(text.find('\n'), text.size());
    Line line(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
    line.SkipBlanks();
    if (line.AtEnd() || line.Take('#')) continue;
    auto [read, wrong] = ReadSeries(line);
    if (wrong != nullptr) return errors::InvalidArgument("line ", number, ": ", wrong);
    if (read.name.ends_with(kBucket) && read.series.labels.contains("le")) continue;
    auto found = page.series_.find(read.name);
    if (found == page.series_.end()) found = page.series_.emplace(std::string(read.name), 0).first;
    found->second.push_back(std::move(read.series));
  }
  return page;
}

absl::StatusOr<MetricsPage> MetricsPage::Of(const std::string& address, std::chrono::milliseconds timeout) {
  ASSIGN_OR_RETURN(const std::string text, HttpGet(address, kPath, timeout));
  absl::StatusOr<MetricsPage> page = Parse(text);
  if (!page.ok()) return errors::In(absl::StrCat("http://", address, kPath), page.status());
  return page;
}

const std::vector<MetricSeries>& MetricsPage::SeriesOf(std::string_view name) const {
  static const std::vector<MetricSeries> kNone;
  const auto found = series_.find(name);
  return found == series_.end() ? kNone : found->second;
}

double MetricsPage::Sum(std::string_view name, const Labels& labels) const {
  double sum = 0;
  for (const MetricSeries& one : SeriesOf(name)) {
    if (HasAll(one.labels, labels)) sum += one.value;
  }
  return sum;
}

std::map<std::string, double> MetricsPage::SumsBy(std::string_view label, std::string_view name) const {
  std::map<std::string, double> sums;
  for (const MetricSeries& one : SeriesOf(name)) {
    const auto found = one.labels.find(std::string(label));
    if (found != one.labels.end()) sums[found->second] += one.value;
  }
  return sums;
}

}  // namespace roberta::loadtest::target
