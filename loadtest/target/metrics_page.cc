#include "loadtest/target/metrics_page.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "loadtest/target/http_get.h"

namespace roberta::loadtest::target {

namespace {

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
  return std::all_of(wanted.begin(), wanted.end(), [&](const auto& one) {
    const auto found = labels.find(one.first);
    return found != labels.end() && found->second == one.second;
  });
}

}  // namespace

absl::StatusOr<MetricsPage> MetricsPage::Parse(std::string_view text) {
  MetricsPage page;
  for (size_t number = 1; !text.empty(); ++number) {
    const size_t end = std::min(text.find('\n'), text.size());
    Line line(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
    line.SkipBlanks();
    if (line.AtEnd() || line.Take('#')) continue;
    auto [read, wrong] = ReadSeries(line);
    if (wrong != nullptr) return absl::InvalidArgumentError(absl::StrCat("line ", number, ": ", wrong));
    if (read.name.ends_with(kBucket) && read.series.labels.contains("le")) continue;
    auto found = page.series_.find(read.name);
    if (found == page.series_.end()) found = page.series_.emplace(std::string(read.name), 0).first;
    found->second.push_back(std::move(read.series));
  }
  return page;
}

absl::StatusOr<MetricsPage> MetricsPage::Of(const std::string& address, std::chrono::milliseconds timeout) {
  const absl::StatusOr<std::string> text = HttpGet(address, kPath, timeout);
  if (!text.ok()) return text.status();
  absl::StatusOr<MetricsPage> page = Parse(*text);
  if (!page.ok()) {
    return absl::InvalidArgumentError(absl::StrCat("http://", address, kPath, ": ", page.status().message()));
  }
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
