#include "server/request_log/line_writer.h"

#include <utility>

namespace roberta::request_log {

LineWriter::LineWriter(size_t capacity, Sink sink)
    : capacity_(capacity), sink_(std::move(sink)), thread_([this] { WriteLines(); }) {}

LineWriter::~LineWriter() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  available_.notify_one();
  thread_.join();
}

bool LineWriter::Push(Level level, std::string line, size_t capacity) {
  {
    const std::lock_guard lock(mutex_);
    if (lines_.size() >= capacity) return false;
    lines_.push_back({level, std::move(line)});
    if (lines_.size() > 1) return true;  // the push of the first line has woken the writer
  }
  available_.notify_one();
  return true;
}

void LineWriter::WriteLines() {
  std::unique_lock lock(mutex_);
  while (true) {
    available_.wait(lock, [this] { return stopping_ || !lines_.empty(); });
    if (lines_.empty()) return;
    const Waiting line = std::move(lines_.front());
    lines_.pop_front();
    lock.unlock();
    sink_(line.level, line.text);
    lock.lock();
  }
}

}  // namespace roberta::request_log
