#pragma once

#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <new>
#include <type_traits>

namespace roberta::kernels {

/// An array of trivial values at a cache line's start, with a line of its own behind it, for kernels that read whole
/// vectors. Its contents are zero at first.
template <typename Value>
class AlignedBuffer {
 public:
  static_assert(std::is_trivially_copyable_v<Value>);
  static constexpr size_t kAlignmentBytes = 64;

  AlignedBuffer() = default;
  /// Throws std::bad_alloc where memory is short.
  explicit AlignedBuffer(size_t size) : size_(size) {
    if (size == 0) return;
    const size_t bytes = (size * sizeof(Value) + 2 * kAlignmentBytes - 1) / kAlignmentBytes * kAlignmentBytes;
    data_.reset(static_cast<Value*>(std::aligned_alloc(kAlignmentBytes, bytes)));
    if (data_ == nullptr) throw std::bad_alloc();
    std::memset(static_cast<void*>(data_.get()), 0, bytes);
  }

  Value* data() { return data_.get(); }
  const Value* data() const { return data_.get(); }
  size_t size() const { return size_; }
  size_t bytes() const { return size_ * sizeof(Value); }

 private:
  struct Free {
    void operator()(Value* data) const { std::free(data); }
  };
  std::unique_ptr<Value[], Free> data_;
  size_t size_ = 0;
};

}  // namespace roberta::kernels
