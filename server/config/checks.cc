#include "server/config/checks.h"

#include <algorithm>

#include "absl/strings/escaping.h"
#include "absl/strings/str_join.h"
#include "profiles/errors/errors.h"
#include "profiles/tokenizer/utf8.h"

namespace roberta::config {

absl::Status WrongValue(const std::string& field, const std::string& value, const std::string& expected) {
  return errors::InvalidArgument("config: ", field, " is ", value, "; it must be ", expected);
}

std::string Shown(const std::string& value) {
  return absl::StrCat("\"", absl::CHexEscape(value), "\"");
}

absl::Status CheckRange(const std::string& field, uint32_t value, uint32_t lowest, uint32_t highest) {
  if (value >= lowest && value <= highest) return absl::OkStatus();
  return WrongValue(field, absl::StrCat(value), absl::StrCat("between ", lowest, " and ", highest));
}

absl::Status CheckNumber(const std::string& field, double value, double lowest, double highest) {
  if (value >= lowest && value <= highest) return absl::OkStatus();  // not so for NaN
  return WrongValue(field, absl::StrCat(value), absl::StrCat("between ", lowest, " and ", highest));
}

absl::Status CheckUtf8(const std::string& field, const std::string& value) {
  return tokenizer::FirstInvalidUtf8(value) ? WrongValue(field, Shown(value), "UTF-8") : absl::OkStatus();
}

bool IsLoopbackHost(const std::string& host) {
  const bool is_ipv4 = host.starts_with("127.") && host.find_first_not_of("0123456789.") == std::string::npos;
  return is_ipv4 || host == "localhost" || host == "::1" || host == "[::1]";
}

absl::Status CheckOneOf(const std::string& field, const std::string& value, const std::vector<std::string>& allowed) {
  if (std::find(allowed.begin(), allowed.end(), value) != allowed.end()) return absl::OkStatus();
  return WrongValue(field, Shown(value), absl::StrCat("one of ", absl::StrJoin(allowed, ", ")));
}

}  // namespace roberta::config
