#pragma once

#include <gtest/gtest.h>

#include <cstdint>
#include <string>

#include "server/metrics/server_metrics.h"
#include "tests/server/metrics/http_get.h"

namespace roberta::metrics {

/// Metrics on a free port of the loopback interface.
struct ExposedMetrics {
  explicit ExposedMetrics(const MetricsOptions& options = {.profiles = {"baseline", "quantized"},
                                                           .failure_reasons = {"queue_full", "bad_field"}})
      : metrics(options) {
    const auto exposed = metrics.Expose("127.0.0.1", 0);
    EXPECT_TRUE(exposed.ok()) << exposed.status();
    port = exposed.value_or(0);
  }
  std::string Scrape() const { return Get(port, "/metrics"); }

  ServerMetrics metrics;
  uint16_t port = 0;
};

}  // namespace roberta::metrics
