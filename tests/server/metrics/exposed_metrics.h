#pragma once

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdint>
#include <string>

#include "server/metrics/server_metrics.h"

namespace roberta::metrics {

/// A socket that is connected to the loopback port from an address of the loopback network; the caller closes it.
inline int Connect(uint16_t port, in_addr_t from = INADDR_LOOPBACK) {
  const int socket_fd = socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address = {};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(from);
  EXPECT_EQ(bind(socket_fd, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  EXPECT_EQ(connect(socket_fd, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
  return socket_fd;
}

/// GET `path` from the loopback port, headers included.
inline std::string Get(uint16_t port, const std::string& path, const std::string& more_headers = "") {
  const int socket_fd = Connect(port);
  const std::string request = "GET " + path + " HTTP/1.0\r\n" + more_headers + "\r\n";
  EXPECT_EQ(write(socket_fd, request.data(), request.size()), static_cast<ssize_t>(request.size()));
  std::string answer;
  char buffer[4096];
  for (ssize_t got; (got = read(socket_fd, buffer, sizeof buffer)) > 0;)
    answer.append(buffer, static_cast<size_t>(got));
  close(socket_fd);
  return answer;
}

/// Metrics on a free port of the loopback interface.
struct ExposedMetrics {
  explicit ExposedMetrics(const MetricsOptions& options = {.profiles = {"baseline", "quantized"},
                                                           .failure_reasons = {"queue_full", "bad_field"}})
      : metrics(options) {
    const auto exposed = metrics.Expose("127.0.0.1", 0, true);
    EXPECT_TRUE(exposed.ok()) << exposed.status();
    port = exposed.value_or(0);
  }
  std::string Scrape() const { return Get(port, "/metrics"); }

  ServerMetrics metrics;
  uint16_t port = 0;
};

}  // namespace roberta::metrics
