#include "profiles/reference/single_thread.h"

#include <ATen/Parallel.h>
#include <dlfcn.h>

namespace roberta::reference {

void RunOnCallingThreadOnly() {
  // OpenBLAS counts threads per process; LibTorch's OpenMP setting is per thread.
  static const bool openblas_set = [] {
    if (void* symbol = dlsym(RTLD_DEFAULT, "openblas_set_num_threads"); symbol != nullptr) {
      reinterpret_cast<void (*)(int)>(symbol)(1);
    }
    return true;
  }();
  static thread_local const bool thread_set = [] {
    at::set_num_threads(1);
    return true;
  }();
  static_cast<void>(openblas_set);
  static_cast<void>(thread_set);
}

}  // namespace roberta::reference
