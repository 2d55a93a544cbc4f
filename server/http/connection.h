#pragma once

#include <array>
#include <atomic>
#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/string_body.hpp>
#include <chrono>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "server/http/server.h"

// The part of the server that includes Boost, for its two source files alone.
namespace roberta::http {

using Clock = std::chrono::steady_clock;

class Connection;

/// The server's loop as responders see it, which may outlive it.
struct Loop {
  std::mutex mutex;
  boost::asio::io_context* context = nullptr;  ///< guarded by mutex; nullptr once the server is gone
};

/// Who has input to parse waits for a turn here: peers have theirs one after another, and the connections of a peer in
/// the order in which they came, so that one with many connections or pipelined requests waits for itself. For the
/// server's thread.
class Turns {
 public:
  explicit Turns(boost::asio::any_io_executor executor) : executor_(std::move(executor)) {}
  void Wait(std::shared_ptr<Connection> connection);

 private:
  void Next();

  const boost::asio::any_io_executor executor_;
  std::deque<std::string> peers_;  ///< who have connections here, in the order of their turns
  std::unordered_map<std::string, std::deque<std::shared_ptr<Connection>>> waiting_;  ///< by peer
};

/// What the connections of a server share. All of it but the loop and the count is for the server's thread.
struct Shared {
  explicit Shared(boost::asio::any_io_executor executor) : turns(std::move(executor)) {}

  Options options;
  Handler handler;
  std::shared_ptr<Loop> loop = std::make_shared<Loop>();
  std::unordered_map<Connection*, std::shared_ptr<Connection>> connections;
  Turns turns;
  size_t buffered_bytes = 0;  ///< of unfinished bodies
  bool draining = false;
  std::function<void(const Connection&)> on_closed;  ///< it was removed from `connections`
};

/// One connection: reads a request, hands it to the handler, writes the response, and so on. For the server's thread.
/// It is in Shared::connections until it is closed.
class Connection final : public std::enable_shared_from_this<Connection> {
 public:
  /// `peer`: see sockets::PeerOf. `tls` may be nullptr. `shared` must outlive this.
  Connection(Shared* shared, boost::asio::ip::tcp::socket socket, std::string peer, ssl_ctx_st* tls);

  void Start();
  /// Answers the request that the handler has.
  void Respond(Response response);
  void SetGone(std::function<void()> gone);
  /// Does what is due at `now`.
  void CheckDeadline(Clock::time_point now);
  /// Closes it if no request has begun, or also if one has not come in full.
  void CloseUnused(bool also_begun);
  void Close();
  /// See Turns.
  void TakeTurn();

  const std::string& peer() const { return peer_; }

 private:
  enum class State { kHandshake, kIdle, kHead, kBody, kHandling, kDelaying, kWriting, kLingering, kClosed };
  using Parser = boost::beast::http::request_parser<boost::beast::http::string_body>;
  using Error = boost::system::error_code;

  void Enter(State state, std::chrono::milliseconds timeout);
  void Enter(State state);
  void Read();
  void OnRead(const Error& error, size_t bytes);
  void WaitForTurn();
  void BeginRequest();
  void Parse();
  bool PutPending(Error* error);
  void HeadCameIn();
  void TakeHead();
  void OnParseError(const Error& error);
  void CountBuffered();
  void Handle();
  void ClientIsGone();
  void Fail(unsigned status, std::string_view sentence, Refusal refusal);
  void Send(const Response& response);
  void Write(std::string bytes);
  void OnWritten(const Error& error);
  void ResponseIsWritten();

  Shared* const shared_;
  boost::asio::ip::tcp::socket socket_;
  std::optional<boost::asio::ssl::stream<boost::asio::ip::tcp::socket&>> tls_;
  const std::string peer_;
  std::vector<std::string> certificate_names_;

  State state_ = State::kHandshake;
  Clock::time_point deadline_ = Clock::time_point::max();

  bool reading_ = false;     // into incoming_
  bool read_ended_ = false;  // the client sends no more
  bool waits_ = false;       // for its turn
  std::array<char, 8192> incoming_;
  std::string pending_;  // read, but not parsed
  std::optional<Parser> parser_;
  size_t head_bytes_ = 0;  // parsed
  size_t lingered_ = 0;    // bytes read after the last response
  size_t buffered_ = 0;    // of the body, as counted in Shared::buffered_bytes
  Request request_;

  bool keep_alive_ = true;
  bool is_head_request_ = false;
  std::function<void()> gone_;
  bool is_gone_ = false;  // the client, while its request is handled
  Response delayed_;

  bool writing_ = false;
  std::vector<std::string> being_written_;
  std::vector<std::string> to_write_;
};

}  // namespace roberta::http
