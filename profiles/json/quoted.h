#pragma once

#include <string>
#include <string_view>

namespace roberta::json {

/// `text` as it stands within a JSON string: one line of valid UTF-8, with U+FFFD for bytes that are not.
std::string Escaped(std::string_view text);

/// Escaped(text) in double quotes, of bounded length: for names that come from outside.
std::string Quoted(std::string_view text);

}  // namespace roberta::json
