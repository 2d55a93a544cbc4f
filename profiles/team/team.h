#pragma once

#include <cstddef>

#include "absl/functional/function_ref.h"

namespace roberta::team {

/// The threads that compute one batch: the one that runs it, and idle ones that help. Helpers may come and go at any
/// time.
class Team {
 public:
  /// Computes the pieces [begin, end). Any thread of the team may call it, and several at once, for different pieces.
  /// Must not throw.
  using Work = absl::FunctionRef<void(size_t begin, size_t end)>;

  /// The largest number of pieces that Share takes.
  static constexpr size_t kMostPieces = 0xFFFF;

  virtual ~Team() = default;
  Team() = default;
  Team(const Team&) = delete;
  Team& operator=(const Team&) = delete;

  /// Has each of `pieces` (at most kMostPieces) computed once, and returns when all are done; their results are then
  /// visible to the caller. Without helpers it is one call of `work`, for all of them. Only the thread that runs the
  /// batch may call, and not from within `work`.
  virtual void Share(size_t pieces, Work work) = 0;
};

}  // namespace roberta::team
