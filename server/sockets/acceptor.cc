#include "server/sockets/acceptor.h"

#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
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
      pauses_(options_.reset_pause) {
  Watch(wake_, EPOLLIN);
  for (const ListeningSocket& socket : sockets_) Watch(socket.descriptor(), EPOLLIN);
}

void Acceptor::Start() {
  listening_ = true;
  thread_ = std::thread([this] { Run(); });
}

Acceptor::~Acceptor() {
  StopListening();
  stop_ = true;
  eventfd_write(wake_, 1);
  if (thread_.joinable()) thread_.join();
  for (const auto& [duplicate, connection] : by_duplicate_) close(duplicate);
  for (const int descriptor : {spare_descriptor_, epoll_, wake_}) close(descriptor);
}

void Acceptor::StopListening() {
  stop_listening_ = true;
  eventfd_write(wake_, 1);
  listening_.wait(true);
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
  if (++connection.resets <= options_.max_resets_per_second) return;
  if (connection.resets == options_.max_resets_per_second + 1) {
    options_.count_closed(Closed::kResets);
    pauses_.Begin(connection.peer, now);
  }
  // Not shutdown, after which what has arrived already would still be read, and answered.
  const sockaddr nowhere = {.sa_family = AF_UNSPEC, .sa_data = {}};
  if (connect(found->second, &nowhere, sizeof nowhere) != 0) shutdown(found->second, SHUT_RDWR);
}

void Acceptor::Watch(int descriptor, uint32_t events) const {
  epoll_event event = {.events = events, .data = {.fd = descriptor}};
  epoll_ctl(epoll_, EPOLL_CTL_ADD, descriptor, &event);
}

void Acceptor::Run() {
  std::array<epoll_event, kEventsAtOnce> events;
  while (!stop_) {
    const int count = epoll_wait(epoll_, events.data(), kEventsAtOnce, -1);
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
        options_.count_closed(Closed::kOpenFiles);  // before its client can know
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
    const int duplicate = Admit(connected, {.name = GrpcNameOf(peer), .peer = PeerOf(peer)});
    if (duplicate < 0) continue;
    options_.hand_over(connected, address.ss_family == AF_UNIX);
    Watch(duplicate, EPOLLET);  // nothing but the end
  }
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
                                        : Closed::kPeerLimit);
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
  by_duplicate_.erase(found);
  options_.count_open(by_duplicate_.size());
  close(duplicate);
}

}  // namespace roberta::sockets
