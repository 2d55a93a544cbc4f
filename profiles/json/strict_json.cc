#include "profiles/json/strict_json.h"

#include <set>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"

namespace roberta::json {
namespace {

using Json = nlohmann::json;

constexpr size_t kLongestQuotedBytes = 200;
constexpr size_t kDeepestNesting = 32;
constexpr size_t kLongestShownBytes = 120;

/// Looks for what the parser of the second pass would let pass: it keeps the last of two equal keys and nests without
/// limit.
class StrictnessChecker final : public nlohmann::json_sax<Json> {
 public:
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
    if (keys_.back().insert(name).second) return true;
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
    if (keys_.size() <= kDeepestNesting) return true;
    error_ = absl::StrCat("nested deeper than ", kDeepestNesting, " levels");
    return false;
  }
  bool Leave() {
    keys_.pop_back();
    return true;
  }

  std::vector<std::set<std::string>> keys_;  ///< of every object or array that is open
  std::string error_;
};

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

absl::StatusOr<Json> ParseStrictJson(std::string_view text) {
  StrictnessChecker checker;
  if (!ScanJson(text, &checker)) return absl::InvalidArgumentError(checker.error());
  Json value = Json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (value.is_discarded()) return absl::InvalidArgumentError("not JSON");
  return value;
}

bool ScanJson(std::string_view text, nlohmann::json_sax<Json>* handler) {
  const size_t nul = text.find('\0');
  if (nul != std::string_view::npos) {
    const auto error = Json::parse_error::create(101, nul + 1, absl::StrCat("NUL byte at offset ", nul), nullptr);
    return handler->parse_error(nul, "", error);
  }
  return Json::sax_parse(text, handler);
}

std::string SyntaxErrorText(const Json::exception& error) {
  std::string_view what = error.what();
  const size_t tag_end = what.find("] ");  // "[json.exception.parse_error.101] parse error at line 1, column 2: ..."
  if (tag_end != std::string_view::npos) what.remove_prefix(tag_end + 2);
  return absl::StrCat("not JSON: ", Escaped(what.substr(0, 2 * kLongestShownBytes)));
}

std::string ShownValue(const Json& value) {
  const std::string text = value.dump(-1, ' ', /*ensure_ascii=*/true, Json::error_handler_t::replace);
  return text.size() > kLongestShownBytes ? text.substr(0, kLongestShownBytes) + "..." : text;
}

}  // namespace roberta::json
