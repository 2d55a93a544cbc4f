#include "server/http/connection.h"

#include <algorithm>
#include <boost/asio/buffer.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/http/error.hpp>
#include <utility>

#include "server/http/head.h"
#include "server/http/tls.h"

namespace roberta::http {

namespace asio = boost::asio;
namespace beast_http = boost::beast::http;

namespace {

constexpr size_t kReadAhead = 16u << 10;  // of pipelined requests, while one is being answered
constexpr std::chrono::milliseconds kLinger(1000);
constexpr size_t kMostLingered = 64u << 10;  // of what a client sends on after an error; what is more costs others
constexpr std::chrono::milliseconds kForever = std::chrono::milliseconds::max();

/// Answers for a connection, unless that or the server is gone.
class ExchangeOf final : public Responder::Exchange {
 public:
  ExchangeOf(std::shared_ptr<Loop> loop, std::weak_ptr<Connection> connection)
      : loop_(std::move(loop)), connection_(std::move(connection)) {}

  void Respond(Response response) override {
    const std::lock_guard lock(loop_->mutex);
    if (loop_->context == nullptr) return;
    asio::post(*loop_->context, [connection = connection_, response = std::move(response)]() mutable {
      if (const auto open = connection.lock()) open->Respond(std::move(response));
    });
  }
  void OnGone(std::function<void()> gone) override {
    const std::lock_guard lock(loop_->mutex);
    if (loop_->context == nullptr) return;
    asio::post(*loop_->context, [connection = connection_, gone = std::move(gone)]() mutable {
      const auto open = connection.lock();
      open != nullptr ? open->SetGone(std::move(gone)) : gone();
    });
  }

 private:
  const std::shared_ptr<Loop> loop_;
  const std::weak_ptr<Connection> connection_;
};

}  // namespace

void Turns::Wait(std::shared_ptr<Connection> connection) {
  if (peers_.empty()) asio::post(executor_, [this] { Next(); });
  auto& of_peer = waiting_[connection->peer()];
  if (of_peer.empty()) peers_.push_back(connection->peer());
  of_peer.push_back(std::move(connection));
}

void Turns::Next() {
  const auto found = waiting_.find(peers_.front());
  const std::shared_ptr<Connection> connection = std::move(found->second.front());
  found->second.pop_front();
  if (found->second.empty()) {
    waiting_.erase(found);
  } else {
    peers_.push_back(peers_.front());
  }
  peers_.pop_front();
  if (!peers_.empty()) asio::post(executor_, [this] { Next(); });
  connection->TakeTurn();
}

Connection::Connection(Shared* shared, asio::ip::tcp::socket socket, std::string peer, ssl_ctx_st* tls)
    : shared_(shared), socket_(std::move(socket)), peer_(std::move(peer)) {
  if (tls == nullptr) return;
  SSL_CTX_up_ref(tls);
  asio::ssl::context context(tls);  // gives that reference back; the stream has one of its own
  tls_.emplace(socket_, context);
}

void Connection::Enter(State state, std::chrono::milliseconds timeout) {
  state_ = state;
  deadline_ = timeout == kForever ? Clock::time_point::max() : Clock::now() + timeout;
}

void Connection::Enter(State state) {
  Enter(state, kForever);
}

void Connection::Start() {
  if (!tls_) return BeginRequest();
  Enter(State::kHandshake, shared_->options.handshake_timeout);
  tls_->async_handshake(asio::ssl::stream_base::server, [self = shared_from_this()](const Error& error) {
    if (self->state_ == State::kClosed) return;
    if (error) {
      self->shared_->options.on_refusal(Refusal::kBadRequest);
      return self->Close();
    }
    self->certificate_names_ = NamesOfPeer(self->tls_->native_handle());
    self->BeginRequest();
  });
}

void Connection::Read() {
  if (reading_ || read_ended_ || state_ == State::kClosed) return;
  reading_ = true;
  auto done = [self = shared_from_this()](const Error& error, size_t bytes) { self->OnRead(error, bytes); };
  if (tls_) {
    tls_->async_read_some(asio::buffer(incoming_), std::move(done));
  } else {
    socket_.async_read_some(asio::buffer(incoming_), std::move(done));
  }
}

void Connection::OnRead(const Error& error, size_t bytes) {
  reading_ = false;
  if (state_ == State::kClosed) return;
  if (error) {
    read_ended_ = true;
    if (state_ == State::kHandling || state_ == State::kDelaying) return ClientIsGone();
    if (state_ != State::kWriting && !waits_) Close();
    return;
  }
  if (state_ == State::kLingering) return (lingered_ += bytes) > kMostLingered ? Close() : WaitForTurn();
  pending_.append(incoming_.data(), bytes);
  if (state_ == State::kIdle) Enter(State::kHead, shared_->options.head_timeout);
  if (state_ == State::kHead || state_ == State::kBody) return WaitForTurn();
  if (pending_.size() < kReadAhead) Read();
}

void Connection::WaitForTurn() {
  if (!std::exchange(waits_, true)) shared_->turns.Wait(shared_from_this());
}

void Connection::TakeTurn() {
  waits_ = false;
  if (state_ == State::kHead || state_ == State::kBody) return Parse();
  if (state_ == State::kLingering) Read();
}

void Connection::BeginRequest() {
  parser_.emplace();
  parser_->header_limit(static_cast<uint32_t>(shared_->options.max_head_bytes));
  parser_->body_limit(shared_->options.max_body_bytes);
  head_bytes_ = 0;
  request_ = Request();
  keep_alive_ = true;
  is_head_request_ = false;
  if (pending_.empty()) {
    if (read_ended_) return Close();
    Enter(State::kIdle, shared_->options.idle_timeout);
    return Read();
  }
  Enter(State::kHead, shared_->options.head_timeout);
  WaitForTurn();
}

/// Parses what is pending, as far as it goes. Returns whether the message or its head was completed by that.
bool Connection::PutPending(Error* error) {
  if (state_ == State::kHead && head_bytes_ == 0) {  // empty lines before a request are to be ignored
    pending_.erase(0, std::min(pending_.find_first_not_of("\r\n"), pending_.size()));
  }
  size_t used = 0;
  while (used < pending_.size() && !parser_->is_done()) {
    const size_t now = parser_->put(asio::buffer(pending_.data() + used, pending_.size() - used), *error);
    used += now;
    if (state_ == State::kHead) head_bytes_ += now;
    if (*error || now == 0) break;
    if (state_ == State::kHead && parser_->is_header_done()) break;
  }
  pending_.erase(0, used);
  if (*error == beast_http::error::need_more) *error = {};
  if (!*error && state_ == State::kHead && head_bytes_ > shared_->options.max_head_bytes) {
    *error = beast_http::error::header_limit;
  }
  return !*error && (state_ == State::kHead ? parser_->is_header_done() : parser_->is_done());
}

void Connection::Parse() {
  Error error;
  bool complete = PutPending(&error);
  if (error) return OnParseError(error);
  if (complete && state_ == State::kHead) {
    Enter(State::kBody, shared_->options.body_timeout);
    HeadCameIn();
    if (state_ != State::kBody) return;
    complete = parser_->is_done() || PutPending(&error);
    if (error) return OnParseError(error);
  }
  if (complete) return Handle();
  CountBuffered();
  if (state_ != State::kHead && state_ != State::kBody) return;
  // Of a line that never ends. Lines of the head have their own limit.
  if (pending_.size() > shared_->options.max_head_bytes + incoming_.size()) {
    return Fail(400, "the body's chunks are not what HTTP allows", Refusal::kBadRequest);
  }
  if (read_ended_) return Close();
  Read();
}

/// Checks what the head alone tells, and asks for the body if the client waits to be asked.
void Connection::HeadCameIn() {
  TakeHead();
  const auto& message = parser_->get();
  keep_alive_ = message.keep_alive();
  is_head_request_ = message.method() == beast_http::verb::head;
  const auto coding = request_.Header("transfer-encoding");
  const bool has_coding = message.count(beast_http::field::transfer_encoding) > 0;
  if (has_coding && message.version() < 11) {  // something before us may see another end of the body (RFC 9112, 6.1)
    return Fail(400, "HTTP/1.0 has no transfer encodings", Refusal::kBadRequest);
  }
  if (has_coding && (!coding || LowerCase(std::string(*coding)) != "chunked")) {
    return Fail(501, "of the transfer encodings, only chunked is known here", Refusal::kBadRequest);
  }
  if (message.version() >= 11 && message.count(beast_http::field::host) != 1) {
    return Fail(400, "a request must have one Host header", Refusal::kBadRequest);
  }
  const auto host = request_.Header("host");  // which a browser always sends
  if (shared_->options.only_loopback && host && !IsLoopback(*host)) {
    return Fail(421, "the request names another host than this one: localhost, 127.0.0.1 or [::1]",
                Refusal::kBadRequest);
  }
  const auto expect = request_.Header("expect");
  if (!expect) return;
  if (LowerCase(std::string(*expect)) != "100-continue") {
    return Fail(417, "the only expectation known here is 100-continue", Refusal::kBadRequest);
  }
  if (!parser_->is_done() && pending_.empty()) Write("HTTP/1.1 100 Continue\r\n\r\n");
}

/// Copies the head before the body's trailers are added to it.
void Connection::TakeHead() {
  const auto& message = parser_->get();
  request_.arrival = Clock::now();
  request_.method = std::string(message.method_string());
  const auto target = message.target();
  SplitTarget({target.data(), target.size()}, &request_);
  for (const auto& field : message) {
    request_.headers.emplace_back(LowerCase(std::string(field.name_string())), std::string(field.value()));
  }
  request_.peer = peer_;
  request_.certificate_names = certificate_names_;
}

void Connection::OnParseError(const Error& error) {
  const auto is = [&error](beast_http::error one) { return error == one; };
  if (is(beast_http::error::body_limit)) {
    return Fail(413, "the body is larger than " + std::to_string(shared_->options.max_body_bytes) + " bytes",
                Refusal::kBadRequest);
  }
  if (is(beast_http::error::header_limit)) {
    return Fail(431, "the head is larger than " + std::to_string(shared_->options.max_head_bytes) + " bytes",
                Refusal::kBadRequest);
  }
  Fail(400, "this is not a request of HTTP/1.1: " + error.message(), Refusal::kBadRequest);
}

/// Bounds the memory that bodies which never end can take.
void Connection::CountBuffered() {
  if (state_ != State::kBody) return;
  const size_t bytes = parser_->get().body().size();
  shared_->buffered_bytes += bytes - buffered_;
  buffered_ = bytes;
  if (shared_->buffered_bytes > shared_->options.max_buffered_bytes) {
    Fail(503, "too many bodies are being received; try again later", Refusal::kTooManyBytes);
  }
}

void Connection::Handle() {
  shared_->buffered_bytes -= std::exchange(buffered_, 0);
  request_.body = std::move(parser_->get().body());
  Enter(State::kHandling);
  is_gone_ = false;
  const auto self = shared_from_this();
  shared_->handler(std::move(request_), Responder(std::make_unique<ExchangeOf>(shared_->loop, self)));
  if (pending_.size() < kReadAhead) Read();  // sees when the client goes
}

void Connection::SetGone(std::function<void()> gone) {
  if (is_gone_) return gone();
  gone_ = std::move(gone);
}

void Connection::ClientIsGone() {
  is_gone_ = true;
  if (const auto gone = std::exchange(gone_, nullptr)) gone();
}

void Connection::Fail(unsigned status, std::string_view sentence, Refusal refusal) {
  shared_->options.on_refusal(refusal);
  shared_->buffered_bytes -= std::exchange(buffered_, 0);
  keep_alive_ = false;
  Send(shared_->options.error_response(status, sentence));
}

void Connection::Respond(Response response) {
  if (state_ != State::kHandling) return;
  if (response.delay.count() <= 0) {
    gone_ = nullptr;
    return Send(response);
  }
  const std::chrono::milliseconds delay = std::exchange(response.delay, {});
  delayed_ = std::move(response);
  Enter(State::kDelaying, delay);
}

void Connection::Send(const Response& response) {
  shared_->options.on_response(response.status);
  keep_alive_ = keep_alive_ && !shared_->draining;
  Enter(State::kWriting, shared_->options.write_timeout);
  to_write_.push_back(ResponseHead(response, keep_alive_));
  if (!is_head_request_ && !response.body.empty()) to_write_.push_back(response.body);
  Write("");
}

/// Writes `bytes` after all that is to be written before.
void Connection::Write(std::string bytes) {
  if (!bytes.empty()) to_write_.push_back(std::move(bytes));
  if (writing_ || to_write_.empty()) return;
  writing_ = true;
  being_written_ = std::exchange(to_write_, {});
  std::vector<asio::const_buffer> buffers;
  for (const std::string& part : being_written_) buffers.push_back(asio::buffer(part));
  auto done = [self = shared_from_this()](const Error& error, size_t) { self->OnWritten(error); };
  if (tls_) {
    asio::async_write(*tls_, std::move(buffers), std::move(done));
  } else {
    asio::async_write(socket_, std::move(buffers), std::move(done));
  }
}

void Connection::OnWritten(const Error& error) {
  writing_ = false;
  if (state_ == State::kClosed) return;
  if (error) return Close();
  if (!to_write_.empty()) return Write("");
  if (state_ == State::kWriting) ResponseIsWritten();
}

void Connection::ResponseIsWritten() {
  const bool goes_on = !pending_.empty() || !(read_ended_ || shared_->draining);
  if (keep_alive_ && goes_on) return BeginRequest();
  if (keep_alive_ || read_ended_) return Close();
  // Closing while something is unread would reset the connection, and the client might never see the response.
  Error ignored;
  // TLS does without its own farewell, since every response says how long it is.
  socket_.shutdown(asio::ip::tcp::socket::shutdown_send, ignored);
  pending_.clear();
  Enter(State::kLingering, kLinger);
  Read();
}

void Connection::CheckDeadline(Clock::time_point now) {
  if (now < deadline_) return;
  const auto self = shared_from_this();
  switch (state_) {
    case State::kHead:
      return Fail(408, "the head of the request did not come in time", Refusal::kTimeout);
    case State::kBody:
      return Fail(408, "the body of the request did not come in time", Refusal::kTimeout);
    case State::kDelaying:
      return Send(std::exchange(delayed_, {}));
    case State::kHandshake:
    case State::kWriting:
      shared_->options.on_refusal(Refusal::kTimeout);
      return Close();
    case State::kIdle:
    case State::kLingering:
    case State::kHandling:
    case State::kClosed:
      return Close();
  }
}

void Connection::CloseUnused(bool also_begun) {
  const bool begun = state_ == State::kHandshake || state_ == State::kHead || state_ == State::kBody;
  if (state_ == State::kIdle || (also_begun && begun)) Close();
}

void Connection::Close() {
  if (state_ == State::kClosed) return;
  const auto self = shared_from_this();
  const bool was_answering = state_ == State::kHandling || state_ == State::kDelaying;
  shared_->buffered_bytes -= std::exchange(buffered_, 0);
  Enter(State::kClosed);
  Error ignored;
  socket_.close(ignored);
  if (was_answering) ClientIsGone();
  gone_ = nullptr;
  shared_->connections.erase(this);
  shared_->on_closed(*this);
}

}  // namespace roberta::http
