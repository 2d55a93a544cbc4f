#include "profiles/reference/call_torch.h"

#include <ATen/Parallel.h>
#include <c10/util/Exception.h>
#include <dlfcn.h>

#include <exception>
#include <vector>

#include "absl/strings/str_cat.h"

namespace roberta::reference {
namespace {

void UseCallingThreadOnly() {
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

}  // namespace

absl::Status CallTorch(absl::FunctionRef<absl::Status()> function) {
  try {
    UseCallingThreadOnly();
    return function();
  } catch (const c10::Error& error) {
    return absl::InternalError(absl::StrCat("LibTorch: ", error.what_without_backtrace()));
  } catch (const std::exception& error) {
    return absl::InternalError(absl::StrCat("LibTorch: ", error.what()));
  }
}

absl::Status CallTorchForAll(size_t count,
                             const std::function<void(size_t, const std::function<void(size_t)>&)>& run_all,
                             absl::FunctionRef<void(size_t)> task) {
  std::vector<absl::Status> statuses(count);
  run_all(count, [&](size_t i) {
    statuses[i] = CallTorch([&] {
      task(i);
      return absl::OkStatus();
    });
  });
  absl::Status first_error;
  for (const absl::Status& status : statuses) first_error.Update(status);
  return first_error;
}

}  // namespace roberta::reference
