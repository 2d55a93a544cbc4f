#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "profiles/tokenizer/pattern.h"

namespace roberta::tokenizer {

/// Text on its way through normalization. Every byte knows the half-open range of code points of the original that it
/// stands for, as the alignments of Hugging Face's `tokenizers` have it.
struct NormalizedText {
  struct Origin {
    uint32_t begin, end;
  };
  std::string text;             ///< UTF-8
  std::vector<Origin> origins;  ///< [bytes of text]

  /// `original`, valid UTF-8, as it is.
  void Assign(std::string_view original);
};

/// A step of normalization (tokenizer.json's `normalizer`), before a text is looked at for anything but special tokens.
struct NormalizerStep {
  enum class Kind { kLowercase, kNfc, kNfd, kNfkc, kNfkd, kStripLeft, kStripRight, kPrepend, kReplace };
  Kind kind;
  std::string content;                     ///< of kPrepend and kReplace
  std::shared_ptr<const Pattern> pattern;  ///< of kReplace
};

/// Memory that normalization reuses; one per thread.
struct NormalizerScratch {
  struct Character {
    uint32_t code_point;
    uint8_t combining_class;
    int change;  ///< 0: stands for one character; 1: comes in addition; -n: stands for n more as well
  };
  NormalizedText next;
  std::vector<Character> characters;
  std::vector<Pattern::Match> matches;
};

/// Takes `*text` through `steps`. Errors are those of Pattern::FindAll. Time is O(n log n) but for patterns.
absl::Status Normalize(const std::vector<NormalizerStep>& steps, NormalizerScratch* scratch, NormalizedText* text);

}  // namespace roberta::tokenizer
