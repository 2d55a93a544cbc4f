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

/// The bytes of the text that a token covers, both ends included: at least one.
struct ByteRange {
  size_t first, last;
  bool is_added_token = false;  ///< found as such in the text, with the white space that it swallowed
};

/// Memory that Encode reuses; one per thread.
struct Scratch {
  BpeScratch bpe;
  std::vector<Piece> pieces;
  std::vector<uint32_t> lengths_bytes;
  std::vector<ByteRange> ranges;
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

class RobertaTokenizer final : public Tokenizer {
 public:
  explicit RobertaTokenizer(Vocabulary vocabulary)
      : tokens_(std::move(vocabulary.tokens)),
        bos_id_(vocabulary.bos_id),
        eos_id_(vocabulary.eos_id),
        add_prefix_space_(vocabulary.add_prefix_space),
        trim_offsets_(vocabulary.trim_offsets),
        splitter_(vocabulary.added_tokens),
        encoder_(vocabulary) {
    edge_spaces_.reserve(tokens_.size());
    for (const std::string& token : tokens_) edge_spaces_.push_back(FindEdgeSpaces(token));
  }

  absl::Status Encode(std::string_view text, std::optional<std::string_view> pair, const EncodeOptions& options,
                      Encoding* out) const override {
    RETURN_IF_ERROR(CheckUtf8(text, "text"));
    if (pair) RETURN_IF_ERROR(CheckUtf8(*pair, "pair text"));
    out->ids.clear();
    out->offsets.clear();
    out->tokens_dropped = 0;
    AddSpecial(bos_id_, options, out);
    const size_t text_tokens = AppendText(text, options, out);
    AddSpecial(eos_id_, options, out);
    size_t pair_tokens = 0;
    if (pair) {
      AddSpecial(eos_id_, options, out);
      pair_tokens = AppendText(*pair, options, out);
      AddSpecial(eos_id_, options, out);
    }
    if (options.max_tokens == 0 || out->ids.size() <= options.max_tokens) return absl::OkStatus();
    return TruncateEncoding({text_tokens, pair_tokens}, pair.has_value(), options, out);
  }

  size_t vocabulary_size() const override { return tokens_.size(); }

  std::string_view TokenText(int32_t id) const override {
    return id >= 0 && static_cast<size_t>(id) < tokens_.size() ? std::string_view(tokens_[static_cast<size_t>(id)])
                                                               : "";
  }

 private:
  static absl::Status CheckUtf8(std::string_view text, const char* which) {
    const std::optional<size_t> invalid = FirstInvalidUtf8(text);
    if (!invalid) return absl::OkStatus();
    return errors::InvalidArgument(which, ": invalid UTF-8 at byte ", *invalid);
  }

  static void AddSpecial(int32_t id, const EncodeOptions& options, Encoding* out) {
    out->ids.push_back(id);
    if (options.with_offsets) out->offsets.push_back({});
  }

  /// Appends the tokens of one text; returns how many.
  size_t AppendText(std::string_view text, const EncodeOptions& options, Encoding* out) const {
    static thread_local Scratch scratch;
    const size_t before = out->ids.size();
    std::vector<uint32_t>* lengths = options.with_offsets ? &scratch.lengths_bytes : nullptr;
    scratch.ranges.clear();
    splitter_.Split(text, &scratch.pieces);
    for (const Piece& piece : scratch.pieces) {
      if (piece.id != Piece::kText) {
        out->ids.push_back(piece.id);
        if (options.with_offsets) scratch.ranges.push_back({piece.begin, piece.end - 1, true});
        continue;
      }
      std::string_view words = text.substr(piece.begin, piece.end - piece.begin);
      const bool prefix = add_prefix_space_ && words[0] != ' ';
      if (prefix) {
        scratch.prefixed.assign(1, ' ').append(words);
        words = scratch.prefixed;
      }
      scratch.lengths_bytes.clear();
      for (size_t begin = 0; begin < words.size();) {
        const size_t length = pre_tokenizer_.WordLength(words, begin);
        encoder_.Encode(words.substr(begin, length), &scratch.bpe, &out->ids, lengths);
        begin += length;
      }
      if (options.with_offsets) AppendRanges(piece.begin, prefix ? 1 : 0, &scratch);
    }
    if (options.with_offsets) AppendOffsets(text, before, scratch.ranges, out);
    return out->ids.size() - before;
  }

  /// Turns the lengths of a piece's tokens into ranges of the text. `prefix_bytes` at the piece's start are not in the
  /// text: they count as part of its first character.
  static void AppendRanges(size_t piece_begin, size_t prefix_bytes, Scratch* scratch) {
    const auto in_text = [&](size_t byte) { return piece_begin + (byte < prefix_bytes ? 0 : byte - prefix_bytes); };
    size_t begin = 0;
    for (const uint32_t length : scratch->lengths_bytes) {
      scratch->ranges.push_back({in_text(begin), in_text(begin + length - 1)});
      begin += length;
    }
  }

  void AppendOffsets(std::string_view text, size_t first_token, const std::vector<ByteRange>& ranges,
                     Encoding* out) const {
    CodePointCursor first(text), last(text);
    for (size_t i = 0; i < ranges.size(); ++i) {
      const ByteRange& range = ranges[i];
      Offset offset = {first.IndexOf(range.first), last.IndexOf(range.last) + 1};
      if (trim_offsets_) {
        const EdgeSpaces spaces = range.is_added_token
                                      ? FindEdgeSpaces(text.substr(range.first, range.last - range.first + 1))
                                      : edge_spaces_[static_cast<size_t>(out->ids[first_token + i])];
        Trim(spaces, i == 0, &offset);
      }
      out->offsets.push_back(offset);
    }
  }

  void Trim(const EdgeSpaces& spaces, bool is_first_token, Offset* offset) const {
    // The prefix space is not in the text, so there is nothing to trim for it. More than one space is the text's own.
    const bool keep_leading = add_prefix_space_ && spaces.leading == 1 && (is_first_token || offset->begin == 0);
    if (!keep_leading) offset->begin = std::min(offset->begin + spaces.leading, offset->end);
    if (offset->end >= spaces.trailing) offset->end = std::max(offset->end - spaces.trailing, offset->begin);
  }

  static absl::Status TruncateEncoding(TokenCounts counts, bool has_pair, const EncodeOptions& options, Encoding* out) {
    const size_t special = has_pair ? 4 : 2;
    if (options.max_tokens < special) {
      return errors::InvalidArgument("max_tokens is ", options.max_tokens, "; the special tokens alone are ", special);
    }
    if (options.truncation == Truncation::kError) {
      return absl::OutOfRangeError(
          absl::StrCat(out->ids.size(), " tokens; at most ", options.max_tokens, " are possible without truncation"));
    }
    const TokenCounts kept = LongestFirst(counts, has_pair, options.max_tokens - special);
    out->tokens_dropped = counts.text + counts.pair - kept.text - kept.pair;
    // The pair first: it stands behind, and erasing it moves nothing of the text.
    if (has_pair) EraseDropped(1 + counts.text + 2, counts.pair, kept.pair, options, out);
    EraseDropped(1, counts.text, kept.text, options, out);
    return absl::OkStatus();
  }

  static void EraseDropped(size_t begin, size_t tokens, size_t kept, const EncodeOptions& options, Encoding* out) {
    const auto from = static_cast<std::ptrdiff_t>(begin + (options.truncation == Truncation::kRight ? kept : 0));
    const auto count = static_cast<std::ptrdiff_t>(tokens - kept);
    out->ids.erase(out->ids.begin() + from, out->ids.begin() + from + count);
    if (options.with_offsets) out->offsets.erase(out->offsets.begin() + from, out->offsets.begin() + from + count);
  }

  const std::vector<std::string> tokens_;
  const int32_t bos_id_, eos_id_;
  const bool add_prefix_space_, trim_offsets_;
  const PreTokenizer pre_tokenizer_;
  const AddedTokenSplitter splitter_;
  const BytePairEncoder encoder_;
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
  return std::make_unique<RobertaTokenizer>(std::move(vocabulary));
}

}  // namespace roberta::tokenizer
