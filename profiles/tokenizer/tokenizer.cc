#include "profiles/tokenizer/tokenizer.h"

#include <algorithm>
#include <utility>

#include "profiles/errors/errors.h"
#include "profiles/tokenizer/bpe.h"
#include "profiles/tokenizer/pre_tokenizer.h"
#include "profiles/tokenizer/utf8.h"
#include "profiles/tokenizer/vocabulary.h"

namespace roberta::tokenizer {
namespace {

/// Memory that Encode reuses; one per thread.
struct Scratch {
  BpeScratch bpe;
  NormalizerScratch normalizer;
  SplitScratch split;
  NormalizedText normalized;
  std::vector<Piece> pieces, inner_pieces;
  std::vector<uint32_t> lengths_bytes;
  std::string prefixed;
};

/// White space at the edges of a token, as vocab.json spells it, in characters.
struct EdgeSpaces {
  uint32_t leading = 0, trailing = 0;
};

bool IsEdgeSpace(uint32_t code_point) {
  constexpr uint32_t kSpelledSpace = 0x120;  // "Ġ", the byte alphabet's name for 0x20
  return code_point == kSpelledSpace || ClassOf(code_point) == CharacterClass::kSpace;
}

EdgeSpaces FindEdgeSpaces(std::string_view token) {
  EdgeSpaces spaces;
  std::string_view rest = token;
  for (; !rest.empty() && IsEdgeSpace(FirstCodePoint(rest).value); ++spaces.leading) {
    rest.remove_prefix(FirstCodePoint(rest).length_bytes);
  }
  rest = token;
  for (; !rest.empty() && IsEdgeSpace(LastCodePoint(rest).value); ++spaces.trailing) {
    rest.remove_suffix(LastCodePoint(rest).length_bytes);
  }
  return spaces;
}

/// Counts code points on the way through a text.
class CodePointCursor {
 public:
  explicit CodePointCursor(std::string_view text) : text_(text) {}

  /// Index of the code point that `byte` belongs to; `byte` must not fall from call to call.
  uint32_t IndexOf(size_t byte) {
    for (; next_ <= byte; ++next_) started_ += !IsContinuationByte(text_[next_]);
    return started_ - 1;
  }

 private:
  std::string_view text_;
  size_t next_ = 0;
  uint32_t started_ = 0;
};

/// A stretch of a text, as it is or normalized.
struct View {
  std::string_view text;
  size_t begin = 0;                            ///< of the stretch, in bytes of the whole text
  const NormalizedText* normalized = nullptr;  ///< null: as it is
};

/// Where the tokens of one text go.
struct Target {
  Target(std::string_view text, bool offsets, Encoding* encoding)
      : out(encoding), with_offsets(offsets), first(text), last(text), start(text) {}

  Encoding* out;
  bool with_offsets;
  size_t tokens = 0;
  CodePointCursor first, last, start;

  /// The code points that bytes of a view stand for, both ends included; calls must go from left to right.
  Offset OffsetOf(const View& view, size_t first_byte, size_t last_byte) {
    if (view.normalized == nullptr) {
      return {first.IndexOf(view.begin + first_byte), last.IndexOf(view.begin + last_byte) + 1};
    }
    const uint32_t base = start.IndexOf(view.begin);
    const auto& origins = view.normalized->origins;
    return {base + origins[first_byte].begin, base + origins[last_byte].end};
  }
};

class ByteLevelTokenizer final : public Tokenizer {
 public:
  explicit ByteLevelTokenizer(Vocabulary vocabulary)
      : raw_tokens_(vocabulary.added_tokens, false, vocabulary.split_special_tokens),
        normalized_tokens_(vocabulary.added_tokens, true, vocabulary.split_special_tokens),
        encoder_(vocabulary),
        vocabulary_(std::move(vocabulary)),
        largest_id_(LargestId(vocabulary_)) {
    edge_spaces_.reserve(vocabulary_.tokens.size());
    for (const std::string& token : vocabulary_.tokens) edge_spaces_.push_back(FindEdgeSpaces(token));
  }

  absl::Status Encode(std::string_view text, std::optional<std::string_view> pair, const EncodeOptions& options,
                      Encoding* out) const override {
    RETURN_IF_ERROR(CheckUtf8(text, "text"));
    if (pair) RETURN_IF_ERROR(CheckUtf8(*pair, "pair text"));
    out->ids.clear();
    out->offsets.clear();
    out->tokens_dropped = 0;
    Places places;
    for (const int32_t place : pair ? vocabulary_.pair : vocabulary_.single) {
      if (place >= 0) {
        out->ids.push_back(place);
        if (options.with_offsets) out->offsets.push_back({});
        continue;
      }
      size_t* begin = place == kTextPlace ? &places.text_begin : &places.pair_begin;
      size_t* tokens = place == kTextPlace ? &places.counts.text : &places.counts.pair;
      *begin = out->ids.size();
      RETURN_IF_ERROR(AppendText(place == kTextPlace ? text : *pair, options, out));
      *tokens = out->ids.size() - *begin;
    }
    if (out->ids.empty()) return absl::InvalidArgumentError("there is no token in the text");
    const size_t most = MostTokens(options);
    if (most == 0 || out->ids.size() <= most) return absl::OkStatus();
    return TruncateEncoding(places, pair.has_value(), most, options, out);
  }

  size_t vocabulary_size() const override { return vocabulary_.tokens.size(); }

  std::string_view TokenText(int32_t id) const override {
    const bool is_token = id >= 0 && static_cast<size_t>(id) < vocabulary_.tokens.size();
    return is_token ? std::string_view(vocabulary_.tokens[static_cast<size_t>(id)]) : "";
  }

  int32_t largest_id() const override { return largest_id_; }
  const std::vector<std::string>& notes() const override { return vocabulary_.notes; }

 private:
  /// Where the two texts' tokens are in an encoding.
  struct Places {
    size_t text_begin = 0, pair_begin = 0;
    TokenCounts counts;
  };

  static int32_t LargestId(const Vocabulary& vocabulary) {
    int32_t largest = vocabulary.unknown_id;
    for (const Merge& merge : vocabulary.merges) largest = std::max(largest, merge.result);
    for (size_t id = 0; id < vocabulary.bytes.size(); ++id) {
      const size_t bytes = vocabulary.bytes[id].size();
      if (bytes == 1 || (bytes > 0 && vocabulary.ignore_merges)) largest = std::max(largest, static_cast<int32_t>(id));
    }
    for (const AddedToken& token : vocabulary.added_tokens) {
      if (!token.special || !vocabulary.split_special_tokens) largest = std::max(largest, token.id);
    }
    for (const int32_t id : vocabulary.single) largest = std::max(largest, id);
    for (const int32_t id : vocabulary.pair) largest = std::max(largest, id);
    return largest;
  }

  static absl::Status CheckUtf8(std::string_view text, const char* which) {
    const std::optional<size_t> invalid = FirstInvalidUtf8(text);
    if (!invalid) return absl::OkStatus();
    return errors::InvalidArgument(which, ": invalid UTF-8 at byte ", *invalid);
  }

  size_t MostTokens(const EncodeOptions& options) const {
    const bool cut_earlier =
        options.max_tokens != 0 && options.truncation != Truncation::kError && vocabulary_.model_max_length != 0;
    return cut_earlier ? std::min(options.max_tokens, vocabulary_.model_max_length) : options.max_tokens;
  }

  /// Appends the tokens of one text.
  absl::Status AppendText(std::string_view text, const EncodeOptions& options, Encoding* out) const {
    static thread_local Scratch scratch;
    Target target(text, options.with_offsets, out);
    raw_tokens_.Split(text, &scratch.pieces);
    for (const Piece& piece : scratch.pieces) {
      View view = {.text = text.substr(piece.begin, piece.end - piece.begin), .begin = piece.begin};
      if (piece.id != Piece::kText) {
        AppendAddedToken(piece.id, view, 0, view.text.size(), &target);
        continue;
      }
      if (!vocabulary_.normalizer.empty()) {
        scratch.normalized.Assign(view.text);
        RETURN_IF_ERROR(Normalize(vocabulary_.normalizer, &scratch.normalizer, &scratch.normalized));
        view.text = scratch.normalized.text;
        view.normalized = &scratch.normalized;
      }
      normalized_tokens_.Split(view.text, &scratch.inner_pieces);
      for (const auto& [id, begin, end] : scratch.inner_pieces) {
        if (id != Piece::kText) {
          AppendAddedToken(id, view, begin, end, &target);
          continue;
        }
        if (vocabulary_.splits.empty()) {
          AppendPart(view, begin, end, &scratch, &target);
          continue;
        }
        RETURN_IF_ERROR(SplitText(vocabulary_.splits, view.text.substr(begin, end - begin), &scratch.split));
        for (const Pattern::Match& part : scratch.split.parts) {
          AppendPart(view, begin + part.begin, begin + part.end, &scratch, &target);
        }
      }
    }
    return absl::OkStatus();
  }

  void AppendAddedToken(int32_t id, const View& view, size_t begin, size_t end, Target* target) const {
    target->out->ids.push_back(id);
    if (target->with_offsets) {
      AppendOffset(FindEdgeSpaces(view.text.substr(begin, end - begin)), target->OffsetOf(view, begin, end - 1),
                   target);
    }
  }

  /// Appends the tokens of a part of a view that is split no further but into words.
  void AppendPart(const View& view, size_t part_begin, size_t part_end, Scratch* scratch, Target* target) const {
    std::string_view words = view.text.substr(part_begin, part_end - part_begin);
    const bool prefix = vocabulary_.add_prefix_space && words[0] != ' ';
    if (prefix) {
      scratch->prefixed.assign(1, ' ').append(words);
      words = scratch->prefixed;
    }
    std::vector<uint32_t>* lengths = target->with_offsets ? &scratch->lengths_bytes : nullptr;
    for (size_t begin = 0; begin < words.size();) {
      const size_t length = vocabulary_.split_words ? pre_tokenizer_.WordLength(words, begin) : words.size();
      const size_t before = target->out->ids.size();
      scratch->lengths_bytes.clear();
      encoder_.Encode(words.substr(begin, length), &scratch->bpe, &target->out->ids, lengths);
      if (target->with_offsets) AppendOffsets(view, part_begin, begin, prefix ? 1 : 0, before, *lengths, target);
      begin += length;
    }
  }

  /// Appends the offsets of the tokens of a word, from its byte in the part. `prefix_bytes` at the part's start are not
  /// in the text: they count as part of its first character.
  void AppendOffsets(const View& view, size_t part_begin, size_t word_begin, size_t prefix_bytes, size_t first_token,
                     const std::vector<uint32_t>& lengths_bytes, Target* target) const {
    const auto in_view = [&](size_t byte) { return part_begin + (byte < prefix_bytes ? 0 : byte - prefix_bytes); };
    size_t begin = word_begin;
    for (size_t i = 0; i < lengths_bytes.size(); ++i) {
      const size_t end = begin + lengths_bytes[i];
      AppendOffset(edge_spaces_[static_cast<size_t>(target->out->ids[first_token + i])],
                   target->OffsetOf(view, in_view(begin), in_view(end - 1)), target);
      begin = end;
    }
  }

  void AppendOffset(const EdgeSpaces& spaces, Offset offset, Target* target) const {
    if (vocabulary_.trim_offsets) Trim(spaces, target->tokens == 0, &offset);
    ++target->tokens;
    target->out->offsets.push_back(offset);
  }

  void Trim(const EdgeSpaces& spaces, bool is_first_token, Offset* offset) const {
    // The prefix space is not in the text, so there is nothing to trim for it. More than one space is the text's own.
    const bool keep_leading =
        vocabulary_.trim_keeps_prefix_space && spaces.leading == 1 && (is_first_token || offset->begin == 0);
    if (!keep_leading) offset->begin = std::min(offset->begin + spaces.leading, offset->end);
    if (offset->end >= spaces.trailing) offset->end = std::max(offset->end - spaces.trailing, offset->begin);
  }

  static absl::Status TruncateEncoding(const Places& places, bool has_pair, size_t most, const EncodeOptions& options,
                                       Encoding* out) {
    const TokenCounts counts = places.counts;
    const size_t special = out->ids.size() - counts.text - counts.pair;
    if (most < special) {
      return errors::InvalidArgument("max_tokens is ", most, "; the special tokens alone are ", special);
    }
    if (options.truncation == Truncation::kError) {
      return absl::OutOfRangeError(
          absl::StrCat(out->ids.size(), " tokens; at most ", most, " are possible without truncation"));
    }
    const TokenCounts kept = LongestFirst(counts, has_pair, most - special);
    out->tokens_dropped = counts.text + counts.pair - kept.text - kept.pair;
    // What stands behind first: erasing it moves nothing of the other.
    const bool pair_is_behind = places.pair_begin > places.text_begin;
    if (has_pair && pair_is_behind) EraseDropped(places.pair_begin, counts.pair, kept.pair, options, out);
    EraseDropped(places.text_begin, counts.text, kept.text, options, out);
    if (has_pair && !pair_is_behind) EraseDropped(places.pair_begin, counts.pair, kept.pair, options, out);
    return absl::OkStatus();
  }

  static void EraseDropped(size_t begin, size_t tokens, size_t kept, const EncodeOptions& options, Encoding* out) {
    const auto from = static_cast<std::ptrdiff_t>(begin + (options.truncation == Truncation::kRight ? kept : 0));
    const auto count = static_cast<std::ptrdiff_t>(tokens - kept);
    out->ids.erase(out->ids.begin() + from, out->ids.begin() + from + count);
    if (options.with_offsets) out->offsets.erase(out->offsets.begin() + from, out->offsets.begin() + from + count);
  }

  const PreTokenizer pre_tokenizer_;
  const AddedTokenSplitter raw_tokens_, normalized_tokens_;
  const BytePairEncoder encoder_;
  const Vocabulary vocabulary_;
  const int32_t largest_id_;
  std::vector<EdgeSpaces> edge_spaces_;
};

}  // namespace

TokenCounts LongestFirst(TokenCounts counts, bool has_pair, size_t room_tokens) {
  if (counts.text + counts.pair <= room_tokens) return counts;
  if (!has_pair) return {std::min(counts.text, room_tokens), 0};
  const bool text_is_longer = counts.text > counts.pair;
  size_t shorter = std::min(counts.text, counts.pair);
  // Only the longer one gives if the shorter one leaves it at least as much.
  size_t longer = shorter > room_tokens ? shorter : std::max(shorter, room_tokens - shorter);
  if (shorter + longer > room_tokens) {
    shorter = room_tokens / 2;
    longer = shorter + room_tokens % 2;
  }
  return text_is_longer ? TokenCounts{longer, shorter} : TokenCounts{shorter, longer};
}

absl::StatusOr<std::unique_ptr<const Tokenizer>> Tokenizer::Load(const std::string& directory) {
  ASSIGN_OR_RETURN(auto vocabulary, ReadVocabulary(directory));
  return FromVocabulary(std::move(vocabulary));
}

std::unique_ptr<const Tokenizer> Tokenizer::FromVocabulary(Vocabulary vocabulary) {
  return std::make_unique<ByteLevelTokenizer>(std::move(vocabulary));
}

}  // namespace roberta::tokenizer
