#pragma once

#include <cstddef>

#include "absl/functional/function_ref.h"

namespace roberta::team {

/// The threads that compute one batch: the one that runs it, and those that help because they have nothing else to do.
/// They may come and go at any time.
class Team {
 public:
  /// Computes the pieces [begin, end). Any thread of the team may call it, and several at once, for different pieces.
  /// Must not throw.
  using Work = absl::FunctionRef<void(size_t begin, size_t end)>;

  /// What Share can cut a step of the work into.
  static constexpr size_t kMostPieces = 0xFFFF;

  virtual ~Team() = default;
  Team() = default;
  Team(const Team&) = delete;
  Team& operator=(const Team&) = delete;

  /// Has each of `pieces` (at most kMostPieces) computed once, and returns when all are; what was computed is then seen
  /// by the caller. Where nobody helps it is one call of `work`, for all of them. Only the thread that runs the batch
  /// may call, and not from within `work`.
  virtual void Share(size_t pieces, Work work) = 0;
};

}  // namespace roberta::team
