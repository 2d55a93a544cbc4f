#pragma once

#include <cstddef>
#include <memory>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "profiles/tokenizer/pattern.h"

namespace roberta::tokenizer {

/// A step that cuts text into parts before its words are looked for (tokenizer.json's Split and Digits).
struct SplitStep {
  enum class Behavior { kRemoved, kIsolated, kMergedWithPrevious, kMergedWithNext, kContiguous };

  std::shared_ptr<const Pattern> pattern;  ///< null: a character of a number
  Behavior behavior;
  bool invert = false;  ///< what lies between the matches is the delimiter
};

/// Memory that splitting reuses; one per thread.
struct SplitScratch {
  struct Stretch {
    size_t begin, end;  ///< in bytes
    bool is_match;
  };
  std::vector<Pattern::Match> matches, parts, before;
  std::vector<Stretch> stretches;
};

/// Cuts `text` (valid UTF-8) by one step after the other into parts, in order and none empty, into scratch->parts.
/// Errors are those of Pattern::FindAll.
absl::Status SplitText(const std::vector<SplitStep>& steps, std::string_view text, SplitScratch* scratch);

}  // namespace roberta::tokenizer
