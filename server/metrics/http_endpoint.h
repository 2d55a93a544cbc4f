#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"

struct MHD_Daemon;

namespace roberta::metrics {

/// "host:port", with brackets around a numeric IPv6 address that has none.
std::string HostPort(const std::string& host, uint32_t port);

/// The response to a GET.
struct Page {
  unsigned status = 200;
  std::string content_type;
  std::string body;
};

/// Answers GET and HEAD over HTTP from one thread for each address, which its connections share. Connections that are
/// silent for 10 seconds are closed.
class HttpEndpoint {
 public:
  /// Returns the page at `path` ("/metrics"), or nullopt if there is none (404). Runs on the endpoint's threads, one
  /// at a time, and must not throw.
  using Pages = std::function<std::optional<Page>(std::string_view path)>;

  /// Listens on `host` (a numeric address, or a name, all of whose addresses on this machine count) and `port` (0: a
  /// free port). Errors name both and the system's reason: AlreadyExists for a port in use, InvalidArgument for a host
  /// that cannot be resolved, otherwise Unavailable.
  static absl::StatusOr<std::unique_ptr<HttpEndpoint>> Start(const std::string& host, uint16_t port, Pages pages);

  /// Waits for responses that are being written.
  ~HttpEndpoint();
  HttpEndpoint(const HttpEndpoint&) = delete;
  HttpEndpoint& operator=(const HttpEndpoint&) = delete;

  uint16_t port() const { return port_; }
  /// The page at `path`. Any thread may call.
  std::optional<Page> PageAt(std::string_view path);

 private:
  explicit HttpEndpoint(Pages pages) : pages_(std::move(pages)) {}

  const Pages pages_;
  uint16_t port_ = 0;
  std::mutex mutex_;                  // held by PageAt
  std::vector<MHD_Daemon*> daemons_;  // one for each address
};

}  // namespace roberta::metrics
