#include "profiles/tokenizer/split.h"

#include <algorithm>

#include "profiles/errors/errors.h"
#include "profiles/tokenizer/utf8.h"

namespace roberta::tokenizer {
namespace {

using Behavior = SplitStep::Behavior;
using Part = Pattern::Match;
using Stretch = SplitScratch::Stretch;

/// Digits go by the numbers of Unicode 17.0, the words' pattern by those of 16.0 (measured with tokenizers 0.23).
bool IsNumeric(uint32_t c) {
  return ClassOf(c) == CharacterClass::kNumber || (c >= 0x11DE0 && c <= 0x11DE9) || (c >= 0x16FF4 && c <= 0x16FF6);
}

void FindNumbers(std::string_view text, std::vector<Part>* matches) {
  matches->clear();
  for (size_t begin = 0; begin < text.size();) {
    const CodePoint c = FirstCodePoint(text.substr(begin));
    if (IsNumeric(c.value)) matches->push_back({begin, begin + c.length_bytes});
    begin += c.length_bytes;
  }
}

/// The matches and what lies between them.
void ToStretches(const std::vector<Part>& matches, bool invert, size_t size, std::vector<Stretch>* stretches) {
  stretches->clear();
  size_t done = 0;
  for (const auto& [begin, end] : matches) {
    if (done < begin) stretches->push_back({done, begin, invert});
    stretches->push_back({begin, end, !invert});
    done = end;
  }
  if (done < size) stretches->push_back({done, size, invert});
}

/// Whether a stretch goes to the one before it (in the direction of the walk).
bool Joins(Behavior behavior, bool is_match, bool previous_is_match) {
  if (behavior == Behavior::kContiguous) return is_match == previous_is_match;
  return behavior != Behavior::kIsolated && is_match && !previous_is_match;
}

void AppendParts(Behavior behavior, size_t offset, std::vector<Stretch>* stretches, std::vector<Part>* parts) {
  const bool backward = behavior == Behavior::kMergedWithNext;
  if (backward) std::reverse(stretches->begin(), stretches->end());
  const size_t first = parts->size();
  bool previous_is_match = false;
  for (const auto& [begin, end, is_match] : *stretches) {
    if (behavior == Behavior::kRemoved) {
      if (!is_match) parts->push_back({offset + begin, offset + end});
      continue;
    }
    if (parts->size() > first && Joins(behavior, is_match, previous_is_match)) {
      (backward ? parts->back().begin : parts->back().end) = offset + (backward ? begin : end);
    } else {
      parts->push_back({offset + begin, offset + end});
    }
    previous_is_match = is_match;
  }
  if (backward) std::reverse(parts->begin() + static_cast<std::ptrdiff_t>(first), parts->end());
}

}  // namespace

absl::Status SplitText(const std::vector<SplitStep>& steps, std::string_view text, SplitScratch* scratch) {
  std::vector<Part>& parts = scratch->parts;
  parts.assign(1, {0, text.size()});
  for (const SplitStep& step : steps) {
    scratch->before.swap(parts);
    parts.clear();
    for (const auto& [begin, end] : scratch->before) {
      const std::string_view part = text.substr(begin, end - begin);
      if (step.pattern == nullptr) {
        FindNumbers(part, &scratch->matches);
      } else {
        RETURN_IF_ERROR(step.pattern->FindAll(part, &scratch->matches));
      }
      ToStretches(scratch->matches, step.invert, part.size(), &scratch->stretches);
      AppendParts(step.behavior, begin, &scratch->stretches, &parts);
    }
    std::erase_if(parts, [](const Part& part) { return part.begin == part.end; });
  }
  return absl::OkStatus();
}

}  // namespace roberta::tokenizer
