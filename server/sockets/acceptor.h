#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <unordered_map>
#include <vector>

#include "server/sockets/listening.h"
#include "server/sockets/pauses.h"
#include "server/sockets/peer.h"

namespace roberta::sockets {

/// Raises the limit of open files to the most that the system allows, and returns it.
size_t RaiseOpenFiles();

/// Why a connection was closed by the acceptor.
enum class Closed {
  kLimit,      ///< there were max_connections already
  kPeerLimit,  ///< its address had max_per_peer already
  kOpenFiles,  ///< the process has no more file descriptors
  kResets,     ///< its calls were cancelled too fast
  kPause,      ///< another one of its address was, a short time ago
};
inline constexpr const char* kClosedNames[] = {"limit", "peer_limit", "open_files", "resets", "pause"};  ///< [Closed]

struct AcceptorOptions {
  size_t max_connections;
  size_t max_per_peer;                    ///< see PeerOf; 0: any number
  size_t max_resets_per_second;           ///< of one connection; 0: any number
  std::chrono::milliseconds reset_pause;  ///< the first one of a peer that had more, see Pauses
  /// Takes over an accepted connection, which is non-blocking and close-on-exec, and shuts it down before it closes it,
  /// which is how the acceptor sees the end. Runs on the acceptor's thread.
  std::function<void(int descriptor, bool is_unix)> hand_over;
  std::function<void(size_t connections)> count_open;  ///< how many there are now; any thread
  std::function<void(Closed reason)> count_closed;     ///< any thread
};

/// Accepts connections on a thread of its own and hands them over, within limits, and can end them: it keeps a
/// duplicate of each descriptor. Any thread may call.
class Acceptor {
 public:
  Acceptor(std::vector<ListeningSocket> sockets, AcceptorOptions options);
  ~Acceptor();
  Acceptor(const Acceptor&) = delete;
  Acceptor& operator=(const Acceptor&) = delete;

  /// Connections wait until then.
  void Start();

  /// Closes the listening sockets. Afterwards nothing is handed over; connections go on.
  void StopListening();

  /// A call over the connection to `peer`, as gRPC names it, see GrpcNameOf, was cancelled by its client. Ends the
  /// connection if there were too many, and its address has to wait before its next one. Those of Unix sockets have no
  /// names and are not ended.
  void CountReset(std::string_view peer, std::chrono::steady_clock::time_point now);

 private:
  struct Connection {
    std::string name;                                   ///< see GrpcNameOf
    std::string peer;                                   ///< see PeerOf
    std::chrono::steady_clock::time_point second = {};  ///< that `resets` were counted from
    size_t resets = 0;
  };

  void Run();
  void Watch(int descriptor, uint32_t events) const;
  void AcceptFrom(int listening);
  /// Counts the connection and returns a duplicate of its descriptor, or closes it and returns -1.
  int Admit(int connected, Connection connection);
  void Ended(int duplicate);

  const AcceptorOptions options_;
  std::vector<ListeningSocket> sockets_;  ///< of the thread
  int spare_descriptor_;                  ///< of the thread; makes room to refuse a connection when there is no other
  const int epoll_;
  const int wake_;
  std::atomic<bool> listening_{false};
  std::atomic<bool> stop_listening_{false}, stop_{false};
  std::mutex mutex_;  ///< guards what follows
  std::unordered_map<int, Connection> by_duplicate_;
  std::map<std::string, int, std::less<>> by_name_;  ///< duplicates
  PeerCounts per_peer_;
  Pauses pauses_;
  std::thread thread_;
};

}  // namespace roberta::sockets
