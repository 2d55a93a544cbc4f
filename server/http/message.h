#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace roberta::http {

using Headers = std::vector<std::pair<std::string, std::string>>;

/// A request as it came, in full.
struct Request {
  std::string method;  ///< "POST"
  std::string path;    ///< begins with a slash; percent-encoded as it came
  std::string query;   ///< what follows the first question mark, percent-encoded
  Headers headers;     ///< in their order; names are in lower case; without trailers
  std::string body;
  std::string peer;                            ///< who counts as one client; see sockets::PeerOf
  std::vector<std::string> certificate_names;  ///< of the client's verified certificate; see NamesOfPeer
  std::chrono::steady_clock::time_point arrival;

  /// The value of the header `name`, which is in lower case, if it came exactly once.
  std::optional<std::string_view> Header(std::string_view name) const;
};

struct Response {
  unsigned status = 200;
  std::string content_type;  ///< none if empty
  std::string body;
  Headers headers = {};                        ///< beside Content-Type, Content-Length, Connection and Date
  std::chrono::milliseconds delay{0};          ///< it is sent so much later
  std::shared_ptr<const void> kept = nullptr;  ///< for as long
};

/// Answers one request, once, from any thread. If it is dropped without that, the client gets 500. A client that is
/// gone, and a server that is, make it do nothing.
class Responder {
 public:
  /// What a server gives it; not for others.
  class Exchange {
   public:
    virtual ~Exchange() = default;
    virtual void Respond(Response response) = 0;
    virtual void OnGone(std::function<void()> gone) = 0;
  };

  explicit Responder(std::unique_ptr<Exchange> exchange) : exchange_(std::move(exchange)) {}
  ~Responder();
  Responder(Responder&&) = default;
  Responder& operator=(Responder&&) = delete;

  void Respond(Response response);

  /// `gone` runs on the server's thread, at most once, if the client goes, or has gone, before it is answered. Any
  /// thread may call, before Respond.
  void OnGone(std::function<void()> gone) { exchange_->OnGone(std::move(gone)); }

 private:
  std::unique_ptr<Exchange> exchange_;  // nullptr once it has answered
};

/// Takes a request; runs on the server's thread, and must neither block nor throw.
using Handler = std::function<void(Request, Responder)>;

/// `text` with %XX resolved; nullopt if an escape is not one.
std::optional<std::string> PercentDecoded(std::string_view text);

}  // namespace roberta::http
