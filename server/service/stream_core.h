#pragma once

#include <chrono>
#include <memory>
#include <mutex>
#include <string>
#include <unordered_map>

#include "server/admission/stream_flow.h"
#include "server/service/classify_stream.h"

namespace roberta::service {

struct StreamOptions {
  std::string model_name;
  std::string model_revision;
  size_t max_items_per_message = 0;
  admission::StreamLimits limits;
};

/// The ClassifyStream calls of a server. Any thread may call.
class StreamCore {
 public:
  /// All must outlive the core.
  struct Parts {
    ClassificationCore* core;
    Entrance* entrance;
    metrics::ServerMetrics* metrics;
    request_log::RequestLog* log = nullptr;  ///< nullptr: streams are not logged
  };

  StreamCore(StreamOptions options, const Parts& parts) : options_(std::move(options)), parts_(parts) {}

  /// A stream for the transport to start. While it has items in its hands it holds one of the entrance's permits, for
  /// which it waits; the server may not be destroyed before those are returned.
  std::shared_ptr<ClassifyStream> Open(std::shared_ptr<StreamTransport> transport, StreamHead head);

  /// Drains all streams, and those that are opened from now on.
  void Drain();

 private:
  friend class ClassifyStream;
  bool draining();
  void Forget(const ClassifyStream* stream);

  const StreamOptions options_;
  const Parts parts_;
  std::mutex mutex_;
  bool draining_ = false;  ///< guarded by mutex_, as are the streams
  std::unordered_map<const ClassifyStream*, std::weak_ptr<ClassifyStream>> streams_;
};

}  // namespace roberta::service
