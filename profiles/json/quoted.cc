#include "profiles/json/quoted.h"

#include <nlohmann/json.hpp>

#include "absl/strings/str_cat.h"

namespace roberta::json {
namespace {

constexpr size_t kLongestQuotedBytes = 200;

}  // namespace

std::string Escaped(std::string_view text) {
  using Json = nlohmann::json;
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

}  // namespace roberta::json
