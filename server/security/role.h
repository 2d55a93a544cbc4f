#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace roberta::security {

/// What a caller may do; each role includes those before it.
enum class Role {
  kNone,       ///< whether the server lives and is ready
  kMetadata,   ///< what is served, and how it does
  kInference,  ///< have texts classified
  kAdmin,      ///< change what is served
};

inline constexpr std::array<const char*, 4> kRoleNames = {"none", "metadata", "inference", "admin"};

constexpr const char* NameOf(Role role) {
  return kRoleNames[static_cast<size_t>(role)];
}

/// The role of that name, if there is one.
inline std::optional<Role> RoleNamed(std::string_view name) {
  const auto found = std::find(kRoleNames.begin(), kRoleNames.end(), name);
  if (found == kRoleNames.end()) return std::nullopt;
  return static_cast<Role>(found - kRoleNames.begin());
}

/// The number of names that a credentials file may have.
inline constexpr size_t kMostCallers = 1024;

/// Somebody who calls: a name of the credentials file, or those who have none.
struct Caller {
  std::string name;  ///< from the credentials file; "anonymous" for all who are not in it
  Role role = Role::kNone;
  /// From 0, which is the anonymous, to kMostCallers: stays the same for as long as the file has the name, and may be
  /// that of another one later.
  size_t index = 0;
  std::optional<double> items_per_second = std::nullopt;  ///< a limit of its own
  std::optional<double> share = std::nullopt;             ///< of the queue, above 0 and at most 1: likewise
};

}  // namespace roberta::security
