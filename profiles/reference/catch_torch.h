#pragma once

#include <c10/util/Exception.h>

#include <exception>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"

namespace roberta::reference {

/// Runs `function`, which returns a status; what LibTorch throws becomes Internal with its message.
template <typename Function>
absl::Status CatchTorch(Function&& function) {
  try {
    return std::forward<Function>(function)();
  } catch (const c10::Error& error) {
    return absl::InternalError(absl::StrCat("LibTorch: ", error.what_without_backtrace()));
  } catch (const std::exception& error) {
    return absl::InternalError(absl::StrCat("LibTorch: ", error.what()));
  }
}

}  // namespace roberta::reference
