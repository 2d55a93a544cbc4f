#include "server/service/stream_core.h"

#include <utility>
#include <vector>

namespace roberta::service {

std::shared_ptr<ClassifyStream> StreamCore::Open(std::shared_ptr<StreamTransport> transport, StreamHead head) {
  parts_.metrics->calls().Started();
  auto stream = std::make_shared<ClassifyStream>(this, std::move(transport), std::move(head));
  const std::lock_guard lock(mutex_);
  streams_.emplace(stream.get(), stream);
  return stream;
}

bool StreamCore::draining() {
  const std::lock_guard lock(mutex_);
  return draining_;
}

void StreamCore::Drain() {
  std::vector<std::shared_ptr<ClassifyStream>> streams;
  {
    const std::lock_guard lock(mutex_);
    draining_ = true;
    for (const auto& [pointer, weak] : streams_) {
      if (auto stream = weak.lock()) streams.push_back(std::move(stream));
    }
  }
  for (const auto& stream : streams) stream->Drain();
}

void StreamCore::Forget(const ClassifyStream* stream) {
  const std::lock_guard lock(mutex_);
  streams_.erase(stream);
}

}  // namespace roberta::service
