#include "profiles/tokenizer/normalizer.h"

#include <unicode/uchar.h>
#include <unicode/unorm2.h>
#include <unicode/utf16.h>

#include <algorithm>
#include <utility>

#include "profiles/errors/errors.h"
#include "profiles/tokenizer/utf8.h"

namespace roberta::tokenizer {
namespace {

using Character = NormalizerScratch::Character;
using Kind = NormalizerStep::Kind;

/// The version of Unicode whose decompositions `tokenizers` has (measured over all code points with 0.23).
constexpr uint8_t kNormalFormsMajorVersion = 12;

/// Lower case of Unicode 16.0 and 17.0 (UnicodeData.txt), for an ICU that ends with 15.0.
struct LaterLowercase {
  uint32_t first, last, lower_of_first;
};
constexpr LaterLowercase kLaterLowercase[] = {
    {0x1C89, 0x1C89, 0x1C8A},    {0xA7CB, 0xA7CB, 0x0264},   {0xA7CC, 0xA7CC, 0xA7CD}, {0xA7CE, 0xA7CE, 0xA7CF},
    {0xA7D2, 0xA7D2, 0xA7D3},    {0xA7D4, 0xA7D4, 0xA7D5},   {0xA7DA, 0xA7DA, 0xA7DB}, {0xA7DC, 0xA7DC, 0x019B},
    {0x10D50, 0x10D65, 0x10D70}, {0x16EA0, 0x16EB8, 0x16EBB}};
constexpr uint32_t kCapitalIWithDot = 0x130, kCombiningDot = 0x307;  // the one character with two in lower case

/// Writes a text anew, from left to right, beside the one that it reads.
class Rewriter {
 public:
  Rewriter(const NormalizedText& from, NormalizedText* to) : from_(from), to_(to) {
    to_->text.clear();
    to_->origins.clear();
  }

  /// The next character stands for that at the place of reading and for `more` after it.
  void Replace(uint32_t code_point, int more) {
    Append(code_point, place_ < from_.origins.size() ? from_.origins[place_] : LastRead());
    for (int i = 0; i <= more; ++i) Skip();
  }
  /// The next character has come in addition to the one before the place of reading.
  void Insert(uint32_t code_point) { Append(code_point, LastRead()); }
  /// As the change says; see NormalizerScratch::Character.
  void Put(uint32_t code_point, int change) {
    if (change > 0) return Insert(code_point);
    Replace(code_point, -change);
  }
  void Skip() {
    if (place_ < from_.text.size()) place_ += FirstCodePoint(Rest()).length_bytes;
  }
  void SkipTo(size_t byte) { place_ = byte; }
  void CopyTo(size_t byte) {
    to_->text.append(from_.text, place_, byte - place_);
    to_->origins.insert(to_->origins.end(), from_.origins.begin() + static_cast<std::ptrdiff_t>(place_),
                        from_.origins.begin() + static_cast<std::ptrdiff_t>(byte));
    place_ = byte;
  }

 private:
  std::string_view Rest() const { return std::string_view(from_.text).substr(place_); }
  NormalizedText::Origin LastRead() const {
    return place_ > 0 ? from_.origins[place_ - 1] : NormalizedText::Origin{0, 0};
  }
  void Append(uint32_t code_point, NormalizedText::Origin origin) {
    AppendUtf8(code_point, &to_->text);
    to_->origins.resize(to_->text.size(), origin);
  }

  const NormalizedText& from_;
  NormalizedText* to_;
  size_t place_ = 0;  ///< bytes of from_ that have been read
};

void Lowercase(const NormalizedText& text, NormalizedText* out) {
  Rewriter rewriter(text, out);
  for (std::string_view rest = text.text; !rest.empty();) {
    const CodePoint c = FirstCodePoint(rest);
    rest.remove_prefix(c.length_bytes);
    auto lower = static_cast<uint32_t>(u_tolower(static_cast<UChar32>(c.value)));
    for (const LaterLowercase& later : kLaterLowercase) {
      if (c.value >= later.first && c.value <= later.last) lower = later.lower_of_first + (c.value - later.first);
    }
    rewriter.Replace(c.value == kCapitalIWithDot ? 'i' : lower, 0);
    if (c.value == kCapitalIWithDot) rewriter.Insert(kCombiningDot);
  }
}

bool HasNormalForms(UChar32 code_point) {
  UVersionInfo age;
  u_charAge(code_point, age);
  return age[0] < kNormalFormsMajorVersion || (age[0] == kNormalFormsMajorVersion && age[1] == 0);
}

const UNormalizer2* FormData(bool compatibility) {
  UErrorCode error = U_ZERO_ERROR;
  return compatibility ? unorm2_getNFKCInstance(&error) : unorm2_getNFCInstance(&error);
}

/// The full decomposition, in canonical order (UAX #15).
void Decompose(std::string_view text, const UNormalizer2* form, std::vector<Character>* out) {
  constexpr int32_t kLongestDecomposition = 32;  // 18 UTF-16 units in Unicode
  out->clear();
  const auto append = [&](UChar32 c, bool first) {
    out->push_back({static_cast<uint32_t>(c), u_getCombiningClass(c), first ? 0 : 1});
  };
  while (!text.empty()) {
    const CodePoint c = FirstCodePoint(text);
    text.remove_prefix(c.length_bytes);
    UChar units[kLongestDecomposition];
    UErrorCode error = U_ZERO_ERROR;
    const auto code_point = static_cast<UChar32>(c.value);
    const int32_t length = HasNormalForms(code_point)
                               ? unorm2_getDecomposition(form, code_point, units, kLongestDecomposition, &error)
                               : -1;
    if (length < 0) append(code_point, true);
    for (int32_t i = 0; i < length;) {
      const bool first = i == 0;
      UChar32 part;
      U16_NEXT(units, i, length, part);
      append(part, first);
    }
  }
  for (auto begin = out->begin(); begin != out->end();) {
    if (begin->combining_class == 0) {
      ++begin;
      continue;
    }
    const auto end = std::find_if(begin, out->end(), [](const Character& c) { return c.combining_class == 0; });
    std::stable_sort(begin, end,
                     [](const Character& a, const Character& b) { return a.combining_class < b.combining_class; });
    begin = end;
  }
}

/// Puts together what UAX #15's canonical composition puts together, in place.
void Compose(const UNormalizer2* form, std::vector<Character>* characters) {
  constexpr size_t kNone = ~size_t{0};
  size_t kept = 0, starter = kNone;
  int last_class = -1;  // of what stands between starter and here; -1: nothing
  for (size_t i = 0; i < characters->size(); ++i) {
    const Character c = (*characters)[i];
    if (starter != kNone && last_class < static_cast<int>(c.combining_class)) {
      Character& base = (*characters)[starter];
      const UChar32 composed =
          unorm2_composePair(form, static_cast<UChar32>(base.code_point), static_cast<UChar32>(c.code_point));
      if (composed >= 0 && HasNormalForms(composed)) {
        base.code_point = static_cast<uint32_t>(composed);
        base.change += c.change - 1;
        continue;
      }
    }
    if (c.combining_class == 0) {
      starter = kept;
      last_class = -1;
    } else {
      last_class = c.combining_class;
    }
    (*characters)[kept++] = c;
  }
  characters->resize(kept);
}

void NormalForm(Kind kind, NormalizerScratch* scratch, const NormalizedText& text, NormalizedText* out) {
  const UNormalizer2* form = FormData(kind == Kind::kNfkc || kind == Kind::kNfkd);
  Decompose(text.text, form, &scratch->characters);
  if (kind == Kind::kNfc || kind == Kind::kNfkc) Compose(form, &scratch->characters);
  Rewriter rewriter(text, out);
  for (const Character& c : scratch->characters) rewriter.Put(c.code_point, c.change);
}

void Erase(size_t begin, size_t bytes, NormalizedText* text) {
  const auto from = text->origins.begin() + static_cast<std::ptrdiff_t>(begin);
  text->text.erase(begin, bytes);
  text->origins.erase(from, from + static_cast<std::ptrdiff_t>(bytes));
}

/// The content stands for the first character as well as that character itself does.
void Prepend(const std::string& content, NormalizedText* text) {
  if (text->text.empty()) return;
  text->text.insert(0, content);
  text->origins.insert(text->origins.begin(), content.size(), NormalizedText::Origin(text->origins.front()));
}

absl::Status Replace(const NormalizerStep& step, NormalizerScratch* scratch, const NormalizedText& text,
                     NormalizedText* out) {
  RETURN_IF_ERROR(step.pattern->FindAll(text.text, &scratch->matches));
  Rewriter rewriter(text, out);
  for (const auto& [begin, end] : scratch->matches) {
    rewriter.CopyTo(begin);
    rewriter.SkipTo(end);
    for (std::string_view rest = step.content; !rest.empty(); rest.remove_prefix(FirstCodePoint(rest).length_bytes)) {
      rewriter.Insert(FirstCodePoint(rest).value);
    }
  }
  rewriter.CopyTo(text.text.size());
  return absl::OkStatus();
}

bool IsAscii(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return static_cast<unsigned char>(c) < 0x80; });
}

}  // namespace

void NormalizedText::Assign(std::string_view original) {
  text.assign(original);
  origins.clear();
  uint32_t index = 0;
  for (size_t byte = 0; byte < original.size(); ++index) {
    byte += FirstCodePoint(original.substr(byte)).length_bytes;
    origins.resize(byte, {index, index + 1});
  }
}

absl::Status Normalize(const std::vector<NormalizerStep>& steps, NormalizerScratch* scratch, NormalizedText* text) {
  for (const NormalizerStep& step : steps) {
    switch (step.kind) {
      case Kind::kStripLeft:
        Erase(0, LeadingSpaceBytes(text->text), text);
        continue;
      case Kind::kStripRight: {
        const size_t bytes = TrailingSpaceBytes(text->text);
        Erase(text->text.size() - bytes, bytes, text);
        continue;
      }
      case Kind::kPrepend:
        Prepend(step.content, text);
        continue;
      case Kind::kLowercase:
        Lowercase(*text, &scratch->next);
        break;
      case Kind::kReplace:
        RETURN_IF_ERROR(Replace(step, scratch, *text, &scratch->next));
        break;
      default:
        if (IsAscii(text->text)) continue;
        NormalForm(step.kind, scratch, *text, &scratch->next);
    }
    std::swap(*text, scratch->next);
  }
  return absl::OkStatus();
}

}  // namespace roberta::tokenizer
