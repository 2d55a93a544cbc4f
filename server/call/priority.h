#pragma once

#include <array>
#include <cstddef>

namespace roberta::call {

/// How urgent the work of a call is: the three priorities that calls may ask for, the least urgent first, and shadow
/// traffic, which is below all of them although its number is the highest.
enum class Priority {
  kLow,
  kNormal,
  kHigh,
  kShadow,  ///< nobody waits for it: it runs when no call waits, however long that takes, and takes up no queue space
};

inline constexpr size_t kPriorities = 4;
/// Those that calls may ask for; their numbers are below this.
inline constexpr size_t kCallPriorities = 3;
inline constexpr std::array<const char*, kPriorities> kPriorityNames = {"low", "normal", "high", "shadow"};

constexpr const char* NameOf(Priority priority) {
  return kPriorityNames[static_cast<size_t>(priority)];
}

/// Whether `a` goes before `b`.
constexpr bool IsMoreUrgent(Priority a, Priority b) {
  if (a == Priority::kShadow || b == Priority::kShadow) return b == Priority::kShadow && a != b;
  return a > b;
}

}  // namespace roberta::call
