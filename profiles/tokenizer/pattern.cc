#include "profiles/tokenizer/pattern.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include <algorithm>
#include <cctype>
#include <string>
#include <utility>

#include "profiles/errors/errors.h"
#include "profiles/json/strict_json.h"
#include "profiles/tokenizer/utf8.h"

namespace roberta::tokenizer {
namespace {

constexpr size_t kLongestExpressionBytes = 4096;
constexpr uint32_t kMostSteps = 1'000'000;
constexpr uint32_t kMostHeapKiB = 64 * 1024;

/// Puts an expression of Oniguruma's into PCRE2's words, or says what of it is not supported.
class Translator {
 public:
  explicit Translator(std::string_view expression) : rest_(expression) {}

  absl::StatusOr<std::string> Translate() {
    while (!rest_.empty()) RETURN_IF_ERROR(in_class_ ? ClassPart() : Part());
    return std::move(out_);
  }

 private:
  // \w is Unicode's word character without the join controls (measured over all code points with tokenizers 0.23).
  static constexpr std::string_view kWord = "\\p{Alphabetic}\\p{M}\\p{Nd}\\p{Pc}";

  absl::Status Unsupported(size_t bytes) const {
    return errors::InvalidArgument(json::Quoted(rest_.substr(0, bytes)), " is not supported");
  }
  absl::Status Take(size_t bytes) {
    out_ += rest_.substr(0, bytes);
    rest_.remove_prefix(bytes);
    return absl::OkStatus();
  }
  absl::Status TakeAs(size_t bytes, std::string_view translation) {
    out_ += translation;
    rest_.remove_prefix(bytes);
    return absl::OkStatus();
  }

  absl::Status Escape() {
    if (rest_.size() < 2) return Unsupported(1);
    const char c = rest_[1];
    if (c == 'w') return TakeAs(2, in_class_ ? std::string(kWord) : absl::StrCat("[", errors::Piece(kWord), "]"));
    if (c == 'W' && !in_class_) return TakeAs(2, absl::StrCat("[^", errors::Piece(kWord), "]"));
    if (c == 'p' || c == 'P') {
      const size_t close = rest_.find('}');
      const std::string_view name = rest_.substr(3, close == std::string_view::npos ? 0 : close - 3);
      const bool is_name = !name.empty() && rest_[2] == '{' && std::all_of(name.begin(), name.end(), [](char letter) {
        return std::isalpha(static_cast<unsigned char>(letter)) || letter == '_';
      });
      return is_name ? Take(close + 1) : Unsupported(3);
    }
    const bool known = std::string_view("sSdDrntfv").find(c) != std::string_view::npos || (!in_class_ && c == 'A');
    const bool literal = static_cast<unsigned char>(c) < 0x80 && std::ispunct(static_cast<unsigned char>(c));
    if (c == 'v') return TakeAs(2, "\\x0B");  // PCRE2's \v is a class
    return known || literal ? Take(2) : Unsupported(2);
  }

  absl::Status Group() {
    for (const std::string_view opening : {"(?:", "(?=", "(?!", "(?<=", "(?<!", "(?>", "(?i:"}) {
      if (rest_.starts_with(opening)) return Take(opening.size());
    }
    return rest_.starts_with("(?") || rest_.starts_with("(*") ? Unsupported(3) : Take(1);
  }

  /// {n}, {n,} or {n,m}; what follows must not make it possessive, which Ruby's syntax does not have there.
  absl::Status Interval() {
    const size_t close = rest_.find('}');
    const std::string_view inside = rest_.substr(1, close == std::string_view::npos ? 0 : close - 1);
    const size_t comma = std::min(inside.find(','), inside.size());
    const auto is_number = [](std::string_view digits) {
      return std::all_of(digits.begin(), digits.end(), [](char c) { return c >= '0' && c <= '9'; });
    };
    const bool sound = comma > 0 && is_number(inside.substr(0, comma)) &&
                       (comma == inside.size() || is_number(inside.substr(comma + 1)));
    if (!sound || rest_.substr(close + 1).starts_with('+')) return Unsupported(inside.size() + 2);
    return Take(close + 1);
  }

  absl::Status Part() {
    switch (rest_[0]) {
      case '\\':
        return Escape();
      case '(':
        return Group();
      case '{':
        return Interval();
      case '[': {
        in_class_ = true;
        const size_t opening = rest_.starts_with("[^") ? 2 : 1;
        if (rest_.substr(opening).starts_with(']')) return Unsupported(opening + 1);
        return Take(opening);
      }
      default:
        return Take(1);
    }
  }

  absl::Status ClassPart() {
    if (rest_[0] == '\\') return Escape();
    if (rest_[0] == '[' || rest_.starts_with("&&")) return Unsupported(2);
    if (rest_[0] == ']') in_class_ = false;
    return Take(1);
  }

  std::string_view rest_;
  std::string out_;
  bool in_class_ = false;
};

}  // namespace

struct Pattern::Compiled {
  std::unique_ptr<pcre2_code, decltype(&pcre2_code_free)> code{nullptr, &pcre2_code_free};
  std::unique_ptr<pcre2_match_context, decltype(&pcre2_match_context_free)> limits{pcre2_match_context_create(nullptr),
                                                                                   &pcre2_match_context_free};

  static absl::StatusOr<std::unique_ptr<const Compiled>> Make(std::string_view expression, uint32_t options) {
    const std::unique_ptr<pcre2_compile_context, decltype(&pcre2_compile_context_free)> context(
        pcre2_compile_context_create(nullptr), &pcre2_compile_context_free);
    pcre2_set_newline(context.get(), PCRE2_NEWLINE_LF);
    int error = 0;
    PCRE2_SIZE place = 0;
    auto compiled = std::make_unique<Compiled>();
    compiled->code.reset(pcre2_compile(reinterpret_cast<PCRE2_SPTR>(expression.data()), expression.size(),
                                       options | PCRE2_UTF, &error, &place, context.get()));
    if (compiled->code == nullptr) {
      PCRE2_UCHAR text[128] = {};
      pcre2_get_error_message(error, text, sizeof text);
      return errors::InvalidArgument(reinterpret_cast<const char*>(text), " at byte ", place);
    }
    pcre2_set_match_limit(compiled->limits.get(), kMostSteps);
    pcre2_set_heap_limit(compiled->limits.get(), kMostHeapKiB);
    return compiled;
  }
};

Pattern::Pattern(std::unique_ptr<const Compiled> compiled) : compiled_(std::move(compiled)) {}
Pattern::Pattern(Pattern&&) noexcept = default;
Pattern::~Pattern() = default;

absl::StatusOr<Pattern> Pattern::Literal(std::string_view text) {
  if (text.empty()) return absl::InvalidArgumentError("is empty");
  ASSIGN_OR_RETURN(auto compiled, Compiled::Make(text, PCRE2_LITERAL));
  return Pattern(std::move(compiled));
}

absl::StatusOr<Pattern> Pattern::Regex(std::string_view expression) {
  if (expression.empty() || expression.size() > kLongestExpressionBytes) {
    return errors::InvalidArgument("has ", expression.size(), " bytes; 1 to ", kLongestExpressionBytes, " are allowed");
  }
  ASSIGN_OR_RETURN(const auto translated, Translator(expression).Translate());
  ASSIGN_OR_RETURN(auto compiled, Compiled::Make(translated, PCRE2_UCP | PCRE2_MULTILINE | PCRE2_NEVER_BACKSLASH_C));
  return Pattern(std::move(compiled));
}

bool Pattern::MayBeEmpty() const {
  uint32_t may_be = 0;
  pcre2_pattern_info(compiled_->code.get(), PCRE2_INFO_MATCHEMPTY, &may_be);
  return may_be != 0;
}

absl::Status Pattern::FindAll(std::string_view text, std::vector<Match>* matches) const {
  // One of each thread's own: it keeps the memory that matching takes.
  static thread_local const std::unique_ptr<pcre2_match_data, decltype(&pcre2_match_data_free)> data(
      pcre2_match_data_create(1, nullptr), &pcre2_match_data_free);
  matches->clear();
  for (size_t from = 0; from <= text.size();) {
    const int result = pcre2_match(compiled_->code.get(), reinterpret_cast<PCRE2_SPTR>(text.data()), text.size(), from,
                                   PCRE2_NO_UTF_CHECK, data.get(), compiled_->limits.get());
    if (result == PCRE2_ERROR_NOMATCH) break;
    if (result < 0) return absl::ResourceExhaustedError("the tokenizer's pattern takes too many steps for this text");
    const PCRE2_SIZE* place = pcre2_get_ovector_pointer(data.get());
    if (place[0] == place[1] && !matches->empty() && matches->back().end == place[1]) {
      if (from == text.size()) break;
      from += FirstCodePoint(text.substr(from)).length_bytes;
      continue;
    }
    matches->push_back({place[0], place[1]});
    from = place[1];
  }
  return absl::OkStatus();
}

}  // namespace roberta::tokenizer
