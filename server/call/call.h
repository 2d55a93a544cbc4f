#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <initializer_list>

#include "absl/status/status.h"
#include "server/security/role.h"

// What every call has: a method, a priority and phases.
namespace roberta::call {

/// The methods of our services.
enum class Method {
  kClassify,
  kClassifyStream,
  kCompare,
  kListProfiles,
  kLoadProfile,
  kUnloadProfile,
  kSetDefaultProfile,
  kTokenize,
};

/// A method, who may call it, and the codes with which its calls end, but for those of callers that may not.
struct MethodRow {
  const char* name;                                       ///< in the metrics and the log
  security::Role role;                                    ///< that its callers need
  std::initializer_list<absl::StatusCode> codes;          ///< of calls that were given a profile
  std::initializer_list<absl::StatusCode> codes_without;  ///< of calls that were given none
};

inline constexpr size_t kMethods = 8;
/// The row of a method.
inline const MethodRow& RowOf(Method method) {
  using enum absl::StatusCode;
  using enum security::Role;
  static constexpr std::array<MethodRow, kMethods> kRows = {{
      {"Classify",
       kInference,
       {kOk, kInvalidArgument, kResourceExhausted, kDeadlineExceeded, kCancelled, kUnavailable, kInternal},
       {kInvalidArgument, kFailedPrecondition, kResourceExhausted, kDeadlineExceeded, kCancelled, kUnavailable}},
      {"ClassifyStream",
       kInference,
       {kOk, kInvalidArgument, kResourceExhausted, kDeadlineExceeded, kCancelled, kUnavailable, kInternal},
       {kInvalidArgument, kFailedPrecondition, kResourceExhausted, kDeadlineExceeded, kCancelled, kUnavailable}},
      {"Compare",
       kInference,
       {},  // it runs several profiles
       {kOk, kInvalidArgument, kFailedPrecondition, kResourceExhausted, kDeadlineExceeded, kCancelled, kUnavailable,
        kInternal}},
      {"ListProfiles", kMetadata, {}, {kOk, kInvalidArgument}},
      {"LoadProfile",
       kAdmin,
       {kOk, kResourceExhausted, kUnavailable},
       {kInvalidArgument, kResourceExhausted, kUnavailable}},
      {"UnloadProfile",
       kAdmin,
       {kOk, kFailedPrecondition, kResourceExhausted, kUnavailable},
       {kInvalidArgument, kResourceExhausted, kUnavailable}},
      {"SetDefaultProfile",
       kAdmin,
       {kOk, kFailedPrecondition, kResourceExhausted, kUnavailable},
       {kInvalidArgument, kResourceExhausted, kUnavailable}},
      {"Tokenize",
       kInference,
       {},  // it needs no profile
       {kOk, kInvalidArgument, kResourceExhausted, kDeadlineExceeded, kCancelled, kUnavailable}},
  }};
  return kRows[static_cast<size_t>(method)];
}

inline const char* NameOf(Method method) {
  return RowOf(method).name;
}

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

/// The phases of a call. Every nanosecond from its arrival to the last stamp belongs to exactly one of them.
enum class Phase {
  kTokenize,
  kQueue,
  kForm,  ///< its batch is put together
  kInfer,
  kPost,  ///< its response is made
};

inline constexpr size_t kPhases = 5;
inline constexpr std::array<const char*, kPhases> kPhaseNames = {"tokenize", "queue", "form", "infer", "post"};

/// Divides the time of one call into phases: each stamp adds the time since the previous stamp to a phase, so the
/// phases add up to the total by construction. Not thread-safe; one thread at a time works on a call.
class PhaseClock {
 public:
  using Clock = std::chrono::steady_clock;

  explicit PhaseClock(Clock::time_point arrival) : arrival_(arrival), last_(arrival) {}

  /// `phase` ends at `now`, which must not be before the last stamp.
  void End(Phase phase, Clock::time_point now) {
    spent_ns_[static_cast<size_t>(phase)] += std::chrono::duration_cast<std::chrono::nanoseconds>(now - last_).count();
    last_ = now;
  }
  void End(Phase phase) { End(phase, Clock::now()); }

  const std::array<int64_t, kPhases>& spent_ns() const { return spent_ns_; }
  int64_t spent_ns(Phase phase) const { return spent_ns_[static_cast<size_t>(phase)]; }
  int64_t total_ns() const { return std::chrono::duration_cast<std::chrono::nanoseconds>(last_ - arrival_).count(); }

 private:
  Clock::time_point arrival_;
  Clock::time_point last_;
  std::array<int64_t, kPhases> spent_ns_ = {};
};

}  // namespace roberta::call
