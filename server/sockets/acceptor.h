#pragma once

#include <sys/epoll.h>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "server/sockets/listening.h"
#include "server/sockets/pauses.h"
#include "server/sockets/peer.h"
#include "server/sockets/unfinished_headers.h"

namespace roberta::sockets {

/// Raises the limit of open files to the most that the system allows, and returns it.
size_t RaiseOpenFiles();

/// Why a connection was closed by the acceptor.
enum class Closed {
  kLimit,      ///< there were max_connections already
  kPeerLimit,  ///< its address had max_per_peer already
  kOpenFiles,  ///< the process has no more file descriptors
  kResets,     ///< its calls were cancelled too fast
  kHeaders,    ///< it sent headers that do not end
  kPause,      ///< another one of its address was closed for one of these two, a short time ago
};
inline constexpr const char* kClosedNames[] = {"limit",  "peer_limit", "open_files",
                                               "resets", "headers",    "pause"};  ///< [Closed]

struct AcceptorOptions {
  size_t max_connections;
  size_t max_per_peer;           ///< see PeerOf; 0: any number
  size_t max_resets_per_second;  ///< of one connection; 0: any number
  UnfinishedHeaderLimits unfinished_headers;
  std::chrono::milliseconds abuse_pause;  ///< the first one of a peer that had more of these two, see Pauses
  /// Takes over an accepted connection, which is non-blocking and close-on-exec, and shuts it down before it closes it,
  /// which is how the acceptor sees the end. Runs on a thread for this alone: gRPC reads in it what has come already,
  /// for as long as more comes.
  std::function<void(int descriptor, bool is_unix)> hand_over;
  std::function<void(size_t connections)> count_open;  ///< how many there are now; any thread
  /// `name`: see GrpcNameOf. Any thread.
  std::function<void(Closed reason, std::string_view name)> count_closed;
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

  /// Where the calls over the connection to `peer` count; nullptr if it is gone or nobody looks at it.
  std::shared_ptr<CallCounts> CallsOf(std::string_view peer);

 private:
  struct Connection {
    std::string name;                                   ///< see GrpcNameOf
    std::string peer;                                   ///< see PeerOf
    std::chrono::steady_clock::time_point second = {};  ///< that `resets` were counted from
    size_t resets = 0;
    bool is_ended = false;                        ///< by us
    std::shared_ptr<CallCounts> calls = nullptr;  ///< nullptr: nobody looks at its input
    UnfinishedHeaders headers = {};
  };

  struct Accepted {
    int descriptor;
    bool is_unix;
    std::string peer;
  };

  void Run();
  void HandOverAll();
  void HandOver(const Accepted& accepted);
  void Watch(int descriptor, uint32_t events, int operation = EPOLL_CTL_ADD) const;
  void AcceptFrom(int listening);
  /// Counts the connection and returns a duplicate of its descriptor, or closes it and returns -1.
  int Admit(int connected, Connection connection);
  void Ended(int duplicate);
  /// Input came. It is looked at until there is no more of it.
  void Moves(int duplicate);
  void LookAtMoving(std::chrono::steady_clock::time_point now);
  /// Returns whether to look at it again.
  bool LookAt(int duplicate, Connection* connection, std::chrono::steady_clock::time_point now);
  void EndForHeaders(int duplicate, Connection* connection, std::chrono::steady_clock::time_point now);
  void End(int duplicate, Connection* connection, Closed reason, std::chrono::steady_clock::time_point now);

  const AcceptorOptions options_;
  std::vector<ListeningSocket> sockets_;  ///< of the thread
  int spare_descriptor_;                  ///< of the thread; makes room to refuse a connection when there is no other
  const int epoll_;
  const int wake_;
  std::unordered_set<int> moving_;  ///< duplicates, of the thread
  uint64_t unexplained_ = 0;        ///< bytes of all connections, see UnfinishedHeaders; of the thread
  std::chrono::steady_clock::time_point next_look_;
  std::atomic<bool> listening_{false};
  std::atomic<bool> stop_listening_{false}, stop_{false};
  std::mutex mutex_;                                  ///< guards what follows
  std::unordered_map<int, Connection> by_duplicate_;  ///< only the thread adds and removes
  std::map<std::string, int, std::less<>> by_name_;   ///< duplicates
  PeerCounts per_peer_;
  Pauses pauses_;

  std::mutex accepted_mutex_;  ///< guards what follows
  std::condition_variable accepted_changed_;
  std::deque<Accepted> accepted_;  ///< wait to be handed over
  bool handing_over_ = false;
  std::thread thread_, hand_over_thread_;
};

}  // namespace roberta::sockets
