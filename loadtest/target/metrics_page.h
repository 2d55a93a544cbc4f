#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"

namespace roberta::loadtest::target {

inline constexpr size_t kMostPageBytes = 16 << 20;

/// The body of `http://<address><path>`. `address`: "host:port"; `path` begins with "/". Any thread may call. Proxies
/// of the environment are not used and redirections are not followed. Errors are one line and name the address:
/// InvalidArgument if it is not one, DeadlineExceeded if the whole page took longer than `timeout`, Unavailable for
/// anything else that is not a complete page of status 200 with at most kMostPageBytes.
absl::StatusOr<std::string> HttpGet(const std::string& address, const std::string& path,
                                    std::chrono::milliseconds timeout);

/// Whether the server at `address` speaks HTTP/1, which no gRPC server does.
bool SpeaksHttp1(const std::string& address, std::chrono::milliseconds timeout);

using Labels = std::map<std::string, std::string>;

/// One line of a page: its labels and the value.
struct MetricSeries {
  Labels labels;
  double value = 0;
};

/// The metrics of a server at one moment, without the buckets of histograms.
class MetricsPage {
 public:
  /// Reads Prometheus's text format, version 0.0.4. InvalidArgument, naming the line's number and what is wrong with
  /// it, for anything that the format does not allow; buckets are checked like all other lines.
  static absl::StatusOr<MetricsPage> Parse(std::string_view text);

  /// Asks `address` ("host:port") for /metrics. Errors are one line and name the address: those of HttpGet and Parse.
  static absl::StatusOr<MetricsPage> Of(const std::string& address,
                                        std::chrono::milliseconds timeout = std::chrono::seconds(60));

  /// The series called `name`; empty if there are none.
  const std::vector<MetricSeries>& SeriesOf(std::string_view name) const;
  bool Has(std::string_view name) const { return !SeriesOf(name).empty(); }

  /// Over the series called `name` that have all of `labels`, whatever else they have; 0 if there are none.
  double Sum(std::string_view name, const Labels& labels = {}) const;
  /// The same for each value of `label`. Series without that label are left out.
  std::map<std::string, double> SumsBy(std::string_view label, std::string_view name) const;

  const std::map<std::string, std::vector<MetricSeries>, std::less<>>& series() const { return series_; }

 private:
  std::map<std::string, std::vector<MetricSeries>, std::less<>> series_;
};

}  // namespace roberta::loadtest::target
