#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "server/http/message.h"

struct ssl_ctx_st;

namespace roberta::http {

/// Why the server closed a connection or refused a request by itself.
enum class Refusal {
  kTooManyConnections,
  kTooManyOfPeer,
  kTooManyBytes,  ///< of bodies that are being received
  kTimeout,       ///< a handshake, head or body that did not come in time, or a response that was not read in time
  kBadRequest,    ///< what came is not HTTP or not TLS, or is too large
};

inline constexpr const char* kRefusalNames[] = {"limit", "peer_limit", "bytes", "timeout",
                                                "bad_request"};  ///< [Refusal]

struct Options {
  std::string host = "127.0.0.1";  ///< see sockets::ListenOn
  uint16_t port = 0;
  std::string purpose;  ///< see sockets::ListenOn
  /// Requests must name loopback as their host, else they get 421: a page may have sent them from a browser here, whose
  /// own name it lets DNS resolve to this machine, and would then be of this origin.
  bool only_loopback = false;

  std::shared_ptr<ssl_ctx_st> tls;  ///< see Server::SetTls

  size_t max_connections = 1024;
  size_t max_connections_per_peer = 0;     ///< see sockets::PeerOf; 0: any number
  size_t max_head_bytes = 32u << 10;       ///< request line and headers; beyond: 431
  size_t max_body_bytes = 4u << 20;        ///< beyond: 413
  size_t max_buffered_bytes = 256u << 20;  ///< of unfinished bodies of all connections; beyond: 503
  std::chrono::milliseconds handshake_timeout{10'000};
  std::chrono::milliseconds head_timeout{10'000};  ///< from a request's first byte to the last of its head; beyond: 408
  std::chrono::milliseconds body_timeout{30'000};  ///< from there to the last byte of the body; beyond: 408
  std::chrono::milliseconds idle_timeout{60'000};  ///< without a request
  std::chrono::milliseconds write_timeout{30'000};  ///< for a client to read a response

  /// Makes the responses that the server gives by itself, from a status and a sentence; default: plain text.
  std::function<Response(unsigned status, std::string_view sentence)> error_response;
  // What happens, for counting; on the server's thread.
  std::function<void(Refusal)> on_refusal = [](Refusal) {};
  std::function<void(unsigned status)> on_response = [](unsigned) {};
  std::function<void(size_t open)> on_connections = [](size_t) {};
};

/// An HTTP/1.1 server (RFC 9112) with one thread, which all connections share: handlers answer later. Connections are
/// kept alive, and pipelined requests are answered in their order, one at a time. Timeouts are kept to within 0.1 s.
class Server {
 public:
  /// Errors: see sockets::ListenOn.
  static absl::StatusOr<std::unique_ptr<Server>> Start(Options options, Handler handler);

  /// Closes all connections at once. Handlers do not run any more; responders that are left do nothing.
  virtual ~Server() = default;

  virtual uint16_t port() const = 0;
  /// Connections that are open.
  virtual size_t connections() const = 0;

  /// Connections that begin from now on are encrypted with OpenSSL's `context`, which nobody changes any more; those
  /// there are stay as they are; nullptr: in the clear. Any thread may call.
  virtual void SetTls(std::shared_ptr<ssl_ctx_st> context) = 0;

  /// Runs `task` on the server's thread. Any thread may call.
  virtual void Post(std::function<void()> task) = 0;

  /// From now on each connection ends with its next response, and idle ones at once; new ones are still accepted, so
  /// that their requests are refused with a reason. Any thread may call.
  virtual void Drain() = 0;

  /// Accepts no more connections, drains, and waits until every request is answered, at most `timeout`. Returns whether
  /// all were.
  virtual bool Stop(std::chrono::milliseconds timeout) = 0;
};

}  // namespace roberta::http
