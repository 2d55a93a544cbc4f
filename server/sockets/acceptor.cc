#include "server/sockets/acceptor.h"

#include <fcntl.h>
#include <linux/sockios.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <utility>

namespace roberta::sockets {
namespace {

constexpr int kEventsAtOnce = 64;
constexpr int kAcceptedAtOnce = 64;  // so that ends of connections are seen meanwhile
constexpr std::chrono::milliseconds kPauseWithoutMeans(100);
constexpr std::chrono::milliseconds kBetweenLooks(5);                // in which gRPC reads 2 MB of headers
constexpr std::chrono::microseconds kBetweenLooksPerConnection(20);  // a look at one takes about one
constexpr uint32_t kEnd = EPOLLET;                                   // which is always reported

int OpenSpare() {
  return open("/dev/null", O_RDONLY | O_CLOEXEC);
}

}  // namespace

size_t RaiseOpenFiles() {
  rlimit limit = {};
  getrlimit(RLIMIT_NOFILE, &limit);
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
  getrlimit(RLIMIT_NOFILE, &limit);
  return limit.rlim_cur;
}

Acceptor::Acceptor(std::vector<ListeningSocket> sockets, AcceptorOptions options)
    : options_(std::move(options)),
      sockets_(std::move(sockets)),
      spare_descriptor_(OpenSpare()),
      epoll_(epoll_create1(EPOLL_CLOEXEC)),
      wake_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)),
      per_peer_(options_.max_per_peer),
      pauses_(options_.abuse_pause) {
  Watch(wake_, EPOLLIN);
  for (const ListeningSocket& socket : sockets_) Watch(socket.descriptor(), EPOLLIN);
}

void Acceptor::Start() {
  listening_ = true;
  thread_ = std::thread([this] { Run(); });
  hand_over_thread_ = std::thread([this] { HandOverAll(); });
}

Acceptor::~Acceptor() {
  StopListening();
  {
    const std::lock_guard lock(accepted_mutex_);
    stop_ = true;
  }
  eventfd_write(wake_, 1);
  accepted_changed_.notify_all();
  for (std::thread* const thread : {&thread_, &hand_over_thread_}) {
    if (thread->joinable()) thread->join();
  }
  for (const auto& [duplicate, connection] : by_duplicate_) close(duplicate);
  for (const int descriptor : {spare_descriptor_, epoll_, wake_}) close(descriptor);
}

void Acceptor::StopListening() {
  stop_listening_ = true;
  eventfd_write(wake_, 1);
  listening_.wait(true);
  std::unique_lock lock(accepted_mutex_);
  accepted_changed_.wait(lock, [this] { return accepted_.empty() && !handing_over_; });
}

void Acceptor::CountReset(std::string_view peer, std::chrono::steady_clock::time_point now) {
  if (options_.max_resets_per_second == 0) return;
  const std::lock_guard lock(mutex_);
  const auto found = by_name_.find(peer);
  if (found == by_name_.end()) return;
  Connection& connection = by_duplicate_[found->second];
  if (now - connection.second >= std::chrono::seconds(1)) {
    connection.second = now;
    connection.resets = 0;
  }
  if (++connection.resets > options_.max_resets_per_second) End(found->second, &connection, Closed::kResets, now);
}

std::shared_ptr<CallCounts> Acceptor::CallsOf(std::string_view peer) {
  const std::lock_guard lock(mutex_);
  const auto found = by_name_.find(peer);
  return found == by_name_.end() ? nullptr : by_duplicate_[found->second].calls;
}

/// Again, should the first attempt fail.
void Acceptor::End(int duplicate, Connection* connection, Closed reason, std::chrono::steady_clock::time_point now) {
  if (!std::exchange(connection->is_ended, true)) {
    options_.count_closed(reason, connection->name);
    pauses_.Begin(connection->peer, now);
  }
  // Not shutdown, after which what has arrived already would still be read, and answered.
  const sockaddr nowhere = {.sa_family = AF_UNSPEC, .sa_data = {}};
  if (connect(duplicate, &nowhere, sizeof nowhere) != 0) shutdown(duplicate, SHUT_RDWR);
}

void Acceptor::Moves(int duplicate) {
  if (moving_.empty()) next_look_ = std::chrono::steady_clock::now() + kBetweenLooks;
  if (moving_.insert(duplicate).second) Watch(duplicate, kEnd, EPOLL_CTL_MOD);
}

void Acceptor::LookAtMoving(std::chrono::steady_clock::time_point now) {
  for (auto moving = moving_.begin(); moving != moving_.end();) {
    const int duplicate = *moving;
    if (LookAt(duplicate, &by_duplicate_.at(duplicate), now)) {
      ++moving;
    } else {
      moving = moving_.erase(moving);
      Watch(duplicate, EPOLLIN | kEnd, EPOLL_CTL_MOD);
    }
  }
  if (unexplained_ > options_.unfinished_headers.bytes_of_all) {
    auto& [duplicate, most] = *std::max_element(
        by_duplicate_.begin(), by_duplicate_.end(),
        [](const auto& a, const auto& b) { return a.second.headers.part() < b.second.headers.part(); });
    EndForHeaders(duplicate, &most, now);
  }
  next_look_ =
      now + std::max<std::chrono::steady_clock::duration>(kBetweenLooks, kBetweenLooksPerConnection * moving_.size());
}

bool Acceptor::LookAt(int duplicate, Connection* connection, std::chrono::steady_clock::time_point now) {
  const uint64_t unexplained_before = connection->headers.unexplained();
  if (connection->headers.CallBegan(*connection->calls, now)) {
    unexplained_ -= unexplained_before;
    return true;
  }
  tcp_info info = {};
  socklen_t length = sizeof info;
  int unread = 0, unsent = 0;
  if (getsockopt(duplicate, IPPROTO_TCP, TCP_INFO, &info, &length) != 0 || ioctl(duplicate, FIONREAD, &unread) != 0 ||
      ioctl(duplicate, SIOCOUTQ, &unsent) != 0) {
    return false;
  }
  const auto read = static_cast<int64_t>(info.tcpi_bytes_received) - unread;
  const auto written = static_cast<int64_t>(info.tcpi_bytes_acked) + unsent;
  const int64_t read_before = connection->headers.most_read();
  const bool is_too_much =
      connection->headers.Look(options_.unfinished_headers, *connection->calls, read, written, now);
  unexplained_ += connection->headers.unexplained() - unexplained_before;
  const bool moves = unread > 0 || connection->headers.most_read() != read_before;
  if (is_too_much) EndForHeaders(duplicate, connection, now);
  return moves;
}

void Acceptor::EndForHeaders(int duplicate, Connection* connection, std::chrono::steady_clock::time_point now) {
  unexplained_ -= connection->headers.unexplained();
  connection->headers = UnfinishedHeaders();
  const std::lock_guard lock(mutex_);
  End(duplicate, connection, Closed::kHeaders, now);
}

void Acceptor::Watch(int descriptor, uint32_t events, int operation) const {
  epoll_event event = {.events = events, .data = {.fd = descriptor}};
  epoll_ctl(epoll_, operation, descriptor, &event);
}

void Acceptor::Run() {
  using Clock = std::chrono::steady_clock;
  std::array<epoll_event, kEventsAtOnce> events;
  while (!stop_) {
    const auto until_look = std::chrono::ceil<std::chrono::milliseconds>(next_look_ - Clock::now()).count();
    const int timeout = moving_.empty() ? -1 : static_cast<int>(std::max<int64_t>(until_look, 0));
    const int count = epoll_wait(epoll_, events.data(), kEventsAtOnce, timeout);
    if (const auto now = Clock::now(); !moving_.empty() && now >= next_look_) LookAtMoving(now);
    if (stop_listening_ && listening_) {
      sockets_.clear();
      listening_ = false;
      listening_.notify_all();
    }
    for (int i = 0; i < count; ++i) {
      const int descriptor = events[i].data.fd;
      const auto is_it = [&](const ListeningSocket& socket) { return socket.descriptor() == descriptor; };
      eventfd_t value = 0;
      if (descriptor == wake_) {
        eventfd_read(wake_, &value);
      } else if (std::any_of(sockets_.begin(), sockets_.end(), is_it)) {
        AcceptFrom(descriptor);
      } else if ((events[i].events & EPOLLHUP) != 0) {
        Ended(descriptor);
      } else if ((events[i].events & EPOLLIN) != 0) {
        Moves(descriptor);
      }
    }
  }
}

void Acceptor::AcceptFrom(int listening) {
  for (int i = 0; i < kAcceptedAtOnce; ++i) {
    sockaddr_storage address = {};
    socklen_t length = sizeof address;
    const int connected =
        accept4(listening, reinterpret_cast<sockaddr*>(&address), &length, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (connected < 0 && (errno == EMFILE || errno == ENFILE)) {
      close(spare_descriptor_);
      const int refused = accept4(listening, nullptr, nullptr, SOCK_CLOEXEC);
      if (refused >= 0) {
        options_.count_closed(Closed::kOpenFiles, {});  // before its client can know
        close(refused);
      }
      spare_descriptor_ = OpenSpare();
      if (refused >= 0) return;
    } else if (connected < 0 && (errno == EINTR || errno == ECONNABORTED)) {
      continue;
    }
    if (connected < 0) {
      // The connection still waits, and would be reported again at once, for as long as the system has nothing left.
      if (errno != EAGAIN) std::this_thread::sleep_for(kPauseWithoutMeans);
      return;
    }
    const auto* peer = reinterpret_cast<const sockaddr*>(&address);
    Connection connection = {.name = GrpcNameOf(peer), .peer = PeerOf(peer)};
    const bool is_looked_at = options_.unfinished_headers.bytes > 0 && !connection.name.empty();
    if (is_looked_at) connection.calls = std::make_shared<CallCounts>();
    const int duplicate = Admit(connected, std::move(connection));
    if (duplicate < 0) continue;
    Watch(duplicate, is_looked_at ? EPOLLIN | kEnd : kEnd);
    const std::lock_guard lock(accepted_mutex_);
    accepted_.push_back({.descriptor = connected, .is_unix = address.ss_family == AF_UNIX, .peer = PeerOf(peer)});
    accepted_changed_.notify_all();
  }
}

void Acceptor::HandOverAll() {
  std::unique_lock lock(accepted_mutex_);
  while (true) {
    accepted_changed_.wait(lock, [this] { return !accepted_.empty() || stop_; });
    if (accepted_.empty()) return;
    const Accepted next = std::move(accepted_.front());
    accepted_.pop_front();
    handing_over_ = true;
    lock.unlock();
    HandOver(next);
    lock.lock();
    handing_over_ = false;
    accepted_changed_.notify_all();
  }
}

/// Closes it if another one of its peer was closed for abuse while it waited.
void Acceptor::HandOver(const Accepted& accepted) {
  bool waits = false;
  {
    const std::lock_guard lock(mutex_);
    waits = pauses_.Waits(accepted.peer, std::chrono::steady_clock::now());
  }
  if (!waits && !stop_listening_) return options_.hand_over(accepted.descriptor, accepted.is_unix);
  if (waits) options_.count_closed(Closed::kPause, {});
  shutdown(accepted.descriptor, SHUT_RDWR);
  close(accepted.descriptor);
}

int Acceptor::Admit(int connected, Connection connection) {
  const int duplicate = fcntl(connected, F_DUPFD_CLOEXEC, 0);
  const std::lock_guard lock(mutex_);
  const bool waits = pauses_.Waits(connection.peer, std::chrono::steady_clock::now());
  const bool is_full = by_duplicate_.size() >= options_.max_connections;
  if (duplicate < 0 || waits || is_full || !per_peer_.Add(connection.peer)) {
    options_.count_closed(duplicate < 0 ? Closed::kOpenFiles
                          : waits       ? Closed::kPause
                          : is_full     ? Closed::kLimit
                                        : Closed::kPeerLimit,
                          connection.name);
    if (duplicate >= 0) close(duplicate);
    close(connected);
    return -1;
  }
  if (!connection.name.empty()) by_name_[connection.name] = duplicate;
  by_duplicate_[duplicate] = std::move(connection);
  options_.count_open(by_duplicate_.size());
  return duplicate;
}

void Acceptor::Ended(int duplicate) {
  const std::lock_guard lock(mutex_);
  const auto found = by_duplicate_.find(duplicate);
  if (found == by_duplicate_.end()) return;
  const Connection& connection = found->second;
  if (const auto named = by_name_.find(connection.name); named != by_name_.end() && named->second == duplicate) {
    by_name_.erase(named);
  }
  per_peer_.Remove(connection.peer);
  unexplained_ -= connection.headers.unexplained();
  by_duplicate_.erase(found);
  moving_.erase(duplicate);
  // By name: gRPC may have the connection open still, which would then be watched on, under this number. Its events
  // would be taken for those of the next connection that gets the number.
  epoll_ctl(epoll_, EPOLL_CTL_DEL, duplicate, nullptr);
  close(duplicate);
  options_.count_open(by_duplicate_.size());
}

}  // namespace roberta::sockets
