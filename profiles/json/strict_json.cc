#include "profiles/json/strict_json.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <set>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"

namespace roberta::json {
namespace {

using Json = nlohmann::json;

constexpr size_t kLongestQuotedBytes = 200;
constexpr size_t kDeepestNesting = 32, kDeepestNestingOfPython = 500;
constexpr size_t kLongestShownBytes = 120;

/// What the parser says about a broken text: line, column and reason, in one line.
std::string SyntaxErrorText(const Json::exception& error) {
  std::string_view what = error.what();
  const size_t tag_end = what.find("] ");  // "[json.exception.parse_error.101] parse error at line 1, column 2: ..."
  if (tag_end != std::string_view::npos) what.remove_prefix(tag_end + 2);
  return absl::StrCat("not JSON: ", Escaped(what.substr(0, 2 * kLongestShownBytes)));
}

/// Looks for what the parser of the second pass would let pass: it keeps the last of two equal keys and nests without
/// limit.
class StrictnessChecker final : public nlohmann::json_sax<Json> {
 public:
  StrictnessChecker(size_t deepest_nesting, bool may_repeat_keys)
      : deepest_nesting_(deepest_nesting), may_repeat_keys_(may_repeat_keys) {}

  const std::string& error() const { return error_; }

  bool null() override { return true; }
  bool boolean(bool) override { return true; }
  bool number_integer(number_integer_t) override { return true; }
  bool number_unsigned(number_unsigned_t) override { return true; }
  bool number_float(number_float_t, const string_t&) override { return true; }
  bool string(string_t&) override { return true; }
  bool binary(binary_t&) override { return true; }
  bool start_object(std::size_t) override { return Enter(); }
  bool start_array(std::size_t) override { return Enter(); }
  bool end_object() override { return Leave(); }
  bool end_array() override { return Leave(); }
  bool key(string_t& name) override {
    if (may_repeat_keys_ || keys_.back().insert(name).second) return true;
    error_ = absl::StrCat("key ", Quoted(name), " occurs twice in one object");
    return false;
  }
  bool parse_error(std::size_t, const std::string&, const Json::exception& error) override {
    error_ = SyntaxErrorText(error);
    return false;
  }

 private:
  bool Enter() {
    keys_.emplace_back();
    if (keys_.size() <= deepest_nesting_) return true;
    error_ = absl::StrCat("nested deeper than ", deepest_nesting_, " levels");
    return false;
  }
  bool Leave() {
    keys_.pop_back();
    return true;
  }

  const size_t deepest_nesting_;
  const bool may_repeat_keys_;
  std::vector<std::set<std::string>> keys_;  ///< of every object or array that is open
  std::string error_;
};

absl::StatusOr<Json> Parse(std::string_view text, StrictnessChecker checker) {
  const std::string_view mistaken = MistakenContent(text);
  if (!mistaken.empty()) return absl::InvalidArgumentError(absl::StrCat("is ", std::string(mistaken)));
  const size_t nul = text.find('\0');  // which the parser takes for the end
  if (nul != text.npos) return absl::InvalidArgumentError(absl::StrCat("not JSON: NUL byte at offset ", nul));
  if (!Json::sax_parse(text, &checker)) return absl::InvalidArgumentError(checker.error());
  Json value = Json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (value.is_discarded()) return absl::InvalidArgumentError("not JSON");
  return value;
}

/// The code unit of an escape like \u00e9 at the beginning of `text`; 0 if there is none.
uint32_t CodeUnit(std::string_view text) {
  uint32_t unit = 0;
  const bool is_escape = text.size() >= 6 && text.starts_with("\\u") &&
                         std::from_chars(text.data() + 2, text.data() + 6, unit, 16).ptr == text.data() + 6;
  return is_escape ? unit : 0;
}

/// The part of a string in JSON that begins `text`, a character or an escape, and what stands for it in `*replacement`.
size_t TakeCharacter(std::string_view text, std::string* replacement) {
  const uint32_t unit = CodeUnit(text), next = unit == 0 ? 0 : CodeUnit(text.substr(6));
  const bool is_pair = unit >> 10 == 0xD800 >> 10 && next >> 10 == 0xDC00 >> 10;
  const size_t size = std::min<size_t>(text.size(), is_pair ? 12 : unit != 0 ? 6 : text.front() == '\\' ? 2 : 1);
  replacement->append(unit >> 11 == 0xD800 >> 11 && !is_pair ? "\\ufffd" : text.substr(0, size));
  return size;
}

}  // namespace

std::string Escaped(std::string_view text) {
  const std::string quoted = Json(text).dump(-1, ' ', /*ensure_ascii=*/false, Json::error_handler_t::replace);
  return quoted.substr(1, quoted.size() - 2);
}

std::string Quoted(std::string_view text) {
  size_t length = text.size();
  if (length > kLongestQuotedBytes) {
    length = kLongestQuotedBytes;
    while (length > 0 && (static_cast<unsigned char>(text[length]) & 0xC0) == 0x80) --length;  // whole code points
  }
  return absl::StrCat("\"", Escaped(text.substr(0, length)), length < text.size() ? "..." : "", "\"");
}

std::string_view MistakenContent(std::string_view text) {
  if (text.starts_with("version https://git-lfs.github.com/")) {
    return "a Git LFS pointer, not the file itself, which `git lfs pull` fetches";
  }
  text.remove_prefix(std::min(text.find_first_not_of(" \t\r\n"), text.size()));
  const std::string start = absl::AsciiStrToLower(std::string(text.substr(0, 9)));
  return start.starts_with("<!doctype") || start.starts_with("<html") ? "an HTML page, not the file itself" : "";
}

absl::StatusOr<Json> ParseStrictJson(std::string_view text) {
  return Parse(text, {kDeepestNesting, /*may_repeat_keys=*/false});
}

std::string FromPython(std::string_view text) {
  constexpr std::string_view kOfNumbers = "+-.0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
  std::string json;
  bool in_string = false;
  while (!text.empty()) {
    size_t size = 1;
    double value = 0;
    if (in_string && text.front() != '"') {
      size = TakeCharacter(text, &json);
    } else if (const size_t end = std::min(text.find_first_not_of(kOfNumbers), text.size()); !in_string && end > 0) {
      const std::string_view token = text.substr(0, size = end);
      const bool is_number = absl::SimpleAtod(absl::string_view(token.data(), token.size()), &value);
      const bool is_own = token == "NaN" || token == "Infinity" || token == "-Infinity" ||
                          (is_number && std::isinf(value) && token.find_first_of("0123456789") != token.npos);
      absl::StrAppend(&json, is_own ? "\"" : "", std::string(token), is_own ? "\"" : "");
    } else {
      in_string ^= text.front() == '"';
      json += text.front();
    }
    text.remove_prefix(size);
  }
  return json;
}

absl::StatusOr<Json> ParsePythonJson(std::string_view text) {
  return Parse(FromPython(text), {kDeepestNestingOfPython, /*may_repeat_keys=*/true});
}

std::string ShownValue(const Json& value) {
  const std::string text = value.dump(-1, ' ', /*ensure_ascii=*/true, Json::error_handler_t::replace);
  return text.size() > kLongestShownBytes ? text.substr(0, kLongestShownBytes) + "..." : text;
}

}  // namespace roberta::json
