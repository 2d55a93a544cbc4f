#include "tests/profiles/counted_allocations.h"

#include <atomic>
#include <cstdlib>
#include <new>

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)

namespace roberta::profiles_test {

int64_t Allocations() {
  return -1;
}

}  // namespace roberta::profiles_test

#else

namespace {

std::atomic<int64_t> allocations{0};

}  // namespace

void* operator new(size_t size) {
  allocations.fetch_add(1, std::memory_order_relaxed);
  if (void* memory = std::malloc(size)) return memory;
  throw std::bad_alloc();
}

void operator delete(void* memory) noexcept {
  std::free(memory);
}

void operator delete(void* memory, size_t) noexcept {
  std::free(memory);
}

namespace roberta::profiles_test {

int64_t Allocations() {
  return allocations.load(std::memory_order_relaxed);
}

}  // namespace roberta::profiles_test

#endif
