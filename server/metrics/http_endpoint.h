#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"

struct MHD_Daemon;

namespace roberta::metrics {

/// What a GET is answered with.
struct Page {
  unsigned status = 200;
  std::string content_type;
  std::string body;
};

/// Answers GET and HEAD over HTTP from one thread of its own, which any number of connections share. Slow or silent
/// clients are dropped after 10 seconds.
class HttpEndpoint {
 public:
  /// The page at `path` ("/metrics"), nullopt for none (404). Runs on the endpoint's thread and must not throw.
  using Pages = std::function<std::optional<Page>(std::string_view path)>;

  /// Listens on `host` (a numeric address or a name) and `port` (0: a free one). Errors name both and the system's
  /// reason: AlreadyExists for a port in use, InvalidArgument for a host that is none, else Unavailable.
  static absl::StatusOr<std::unique_ptr<HttpEndpoint>> Start(const std::string& host, uint16_t port, Pages pages);

  /// Waits for answers that are being written.
  ~HttpEndpoint();
  HttpEndpoint(const HttpEndpoint&) = delete;
  HttpEndpoint& operator=(const HttpEndpoint&) = delete;

  uint16_t port() const { return port_; }
  const Pages& pages() const { return pages_; }

 private:
  explicit HttpEndpoint(Pages pages) : pages_(std::move(pages)) {}

  const Pages pages_;
  uint16_t port_ = 0;
  MHD_Daemon* daemon_ = nullptr;
};

}  // namespace roberta::metrics
