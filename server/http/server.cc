#include "server/http/server.h"

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <condition_variable>
#include <list>
#include <thread>

#include "profiles/errors/errors.h"
#include "server/http/connection.h"
#include "server/sockets/listening.h"
#include "server/sockets/peer.h"

namespace roberta::http {

namespace asio = boost::asio;
using asio::ip::tcp;

namespace {

constexpr std::chrono::milliseconds kSweep(100);
constexpr std::chrono::milliseconds kPauseOfAccepting(100);  // when there are no descriptors left

Response PlainError(unsigned status, std::string_view sentence) {
  return {.status = status, .content_type = "text/plain; charset=utf-8", .body = std::string(sentence) + "\n"};
}

class ServerOnLoop final : public Server {
 public:
  ServerOnLoop(Options options, Handler handler, std::vector<sockets::ListeningSocket> sockets)
      : port_(sockets.front().port()), per_peer_(options.max_connections_per_peer), tls_(options.tls) {
    shared_.options = std::move(options);
    if (!shared_.options.error_response) shared_.options.error_response = PlainError;
    shared_.handler = std::move(handler);
    shared_.loop->context = &context_;
    shared_.on_closed = [this](const Connection& connection) { OnClosed(connection); };
    for (sockets::ListeningSocket& listening : sockets) AddAcceptor(listening.Release());
    thread_ = std::thread([this] {
      for (Acceptor& acceptor : acceptors_) Accept(&acceptor);
      context_.run();
    });
  }

  ~ServerOnLoop() override {
    {
      const std::lock_guard lock(shared_.loop->mutex);
      shared_.loop->context = nullptr;
    }
    asio::post(context_, [this] {
      StopAccepting();
      sweep_.cancel();
      ForEach([](Connection& connection) { connection.Close(); });
      work_.reset();
    });
    thread_.join();
  }

  uint16_t port() const override { return port_; }
  size_t connections() const override {
    const std::lock_guard lock(mutex_);
    return open_;
  }

  void SetTls(std::shared_ptr<ssl_ctx_st> context) override {
    const std::lock_guard lock(mutex_);
    tls_ = std::move(context);
  }

  void Post(std::function<void()> task) override { asio::post(context_, std::move(task)); }

  void Drain() override {
    asio::post(context_, [this] { StartToDrain(false); });
  }

  bool Stop(std::chrono::milliseconds timeout) override {
    asio::post(context_, [this] {
      StopAccepting();
      StartToDrain(true);
      const std::lock_guard lock(mutex_);
      stopped_accepting_ = true;
      changed_.notify_all();
    });
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, timeout, [this] { return stopped_accepting_ && open_ == 0; });
  }

 private:
  struct Acceptor {
    explicit Acceptor(asio::io_context& context) : socket(context), pause(context) {}
    tcp::acceptor socket;
    asio::steady_timer pause;
  };

  void AddAcceptor(int listening) {
    sockaddr_storage address = {};
    socklen_t length = sizeof address;
    getsockname(listening, reinterpret_cast<sockaddr*>(&address), &length);
    acceptors_.emplace_back(context_);
    acceptors_.back().socket.assign(address.ss_family == AF_INET6 ? tcp::v6() : tcp::v4(), listening);
  }

  void Accept(Acceptor* acceptor) {
    acceptor->socket.async_accept([this, acceptor](const boost::system::error_code& error, tcp::socket socket) {
      if (error == asio::error::operation_aborted || !acceptor->socket.is_open()) return;
      if (!error) {
        Take(std::move(socket));
        return Accept(acceptor);
      }
      if (error == asio::error::connection_aborted) return Accept(acceptor);
      // Without descriptors or memory, trying at once would only spin.
      acceptor->pause.expires_after(kPauseOfAccepting);
      acceptor->pause.async_wait([this, acceptor](const boost::system::error_code& aborted) {
        if (!aborted && acceptor->socket.is_open()) Accept(acceptor);
      });
    });
  }

  void Take(tcp::socket socket) {
    boost::system::error_code error;
    const auto endpoint = socket.remote_endpoint(error);
    if (error) return;
    if (shared_.connections.size() >= shared_.options.max_connections) {
      return shared_.options.on_refusal(Refusal::kTooManyConnections);
    }
    std::string peer = sockets::PeerOf(endpoint.data());
    if (!per_peer_.Add(peer)) return shared_.options.on_refusal(Refusal::kTooManyOfPeer);
    socket.set_option(tcp::no_delay(true), error);
    std::shared_ptr<ssl_ctx_st> tls;
    {
      const std::lock_guard lock(mutex_);
      tls = tls_;
    }
    const auto connection = std::make_shared<Connection>(&shared_, std::move(socket), std::move(peer), tls.get());
    shared_.connections.emplace(connection.get(), connection);
    CountConnections();
    if (shared_.connections.size() == 1) SweepLater();
    connection->Start();
  }

  void SweepLater() {
    sweep_.expires_after(kSweep);
    sweep_.async_wait([this](const boost::system::error_code& aborted) {
      if (aborted) return;
      const Clock::time_point now = Clock::now();
      ForEach([now](Connection& connection) { connection.CheckDeadline(now); });
      if (!shared_.connections.empty()) SweepLater();
    });
  }

  template <typename Action>
  void ForEach(Action action) {
    std::vector<std::shared_ptr<Connection>> all;  // an action may close its connection
    all.reserve(shared_.connections.size());
    for (const auto& [key, connection] : shared_.connections) all.push_back(connection);
    for (const auto& connection : all) action(*connection);
  }

  void OnClosed(const Connection& connection) {
    per_peer_.Remove(connection.peer());
    CountConnections();
  }

  void CountConnections() {
    shared_.options.on_connections(shared_.connections.size());
    const std::lock_guard lock(mutex_);
    open_ = shared_.connections.size();
    changed_.notify_all();
  }

  void StopAccepting() {
    for (Acceptor& acceptor : acceptors_) {
      boost::system::error_code ignored;
      acceptor.socket.close(ignored);
      acceptor.pause.cancel();
    }
  }

  void StartToDrain(bool close_begun) {
    shared_.draining = true;
    ForEach([close_begun](Connection& connection) { connection.CloseUnused(close_begun); });
  }

  const uint16_t port_;
  asio::io_context context_{1};
  asio::executor_work_guard<asio::io_context::executor_type> work_{context_.get_executor()};
  std::list<Acceptor> acceptors_;
  asio::steady_timer sweep_{context_};  // runs while there are connections
  sockets::PeerCounts per_peer_;        // of the thread
  Shared shared_{context_.get_executor()};
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::shared_ptr<ssl_ctx_st> tls_;  // guarded by mutex_
  size_t open_ = 0;                  // guarded by mutex_: connections
  bool stopped_accepting_ = false;   // guarded by mutex_
  std::thread thread_;               // last: it uses the others
};

}  // namespace

absl::StatusOr<std::unique_ptr<Server>> Server::Start(Options options, Handler handler) {
  ASSIGN_OR_RETURN(std::vector<sockets::ListeningSocket> listening,
                   sockets::ListenOn(options.host, options.port, options.purpose));
  return std::make_unique<ServerOnLoop>(std::move(options), std::move(handler), std::move(listening));
}

}  // namespace roberta::http
