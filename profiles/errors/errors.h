#pragma once

#include <string_view>
#include <type_traits>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"

// What is made of absl::Status here: it stands for the headers of Status, StatusOr and StrCat.

/// Returns the status of an expression from the function, unless it is OK.
#define RETURN_IF_ERROR(...) \
  if (absl::Status returned = (__VA_ARGS__); !returned.ok()) return returned

/// ASSIGN_OR_RETURN(auto value, Read(file)): assigns what a StatusOr holds, or returns its status from the function.
/// The first argument is a declaration or something that exists.
#define ASSIGN_OR_RETURN(target, ...) ROBERTA_ASSIGN_OR_RETURN(ROBERTA_OF_LINE(result, __LINE__), target, __VA_ARGS__)
#define ROBERTA_ASSIGN_OR_RETURN(result, target, ...)  \
  auto result = (__VA_ARGS__);                         \
  if (!result.ok()) return std::move(result).status(); \
  target = *std::move(result)
#define ROBERTA_OF_LINE(name, line) ROBERTA_JOINED(name, line)
#define ROBERTA_JOINED(name, line) name##line

namespace roberta::errors {

/// A part of a message, which Debian's abseil takes only as its own kind of string_view.
template <typename Part>
decltype(auto) Piece(const Part& part) {
  if constexpr (std::is_same_v<Part, std::string_view>) {
    return absl::string_view(part.data(), part.size());
  } else {
    return static_cast<const Part&>(part);
  }
}

// Errors whose message is put together of `parts`, as absl::StrCat does.
template <typename... Parts>
absl::Status InvalidArgument(const Parts&... parts) {
  return absl::InvalidArgumentError(absl::StrCat(Piece(parts)...));
}
template <typename... Parts>
absl::Status FailedPrecondition(const Parts&... parts) {
  return absl::FailedPreconditionError(absl::StrCat(Piece(parts)...));
}
template <typename... Parts>
absl::Status NotFound(const Parts&... parts) {
  return absl::NotFoundError(absl::StrCat(Piece(parts)...));
}

/// The same error, with "where: " before its message.
inline absl::Status In(std::string_view where, const absl::Status& status) {
  return absl::Status(status.code(), absl::StrCat(Piece(where), ": ", status.message()));
}

}  // namespace roberta::errors
