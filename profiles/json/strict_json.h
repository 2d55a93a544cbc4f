#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace roberta::json {

/// `text` as it stands within a JSON string: one line of valid UTF-8, with U+FFFD for bytes that are not.
std::string Escaped(std::string_view text);

/// Escaped(text) in double quotes, of bounded length: for names that come from outside.
std::string Quoted(std::string_view text);

/// What a file is in place of what it should be, as its beginning shows: a Git LFS pointer or an HTML page. Empty for
/// others.
std::string_view MistakenContent(std::string_view text);

/// Parses one JSON text (RFC 8259) from outside. Refuses, beyond what the grammar refuses, what hides mistakes or costs
/// memory: a key twice in one object, more than 32 levels of nesting, a NUL byte, a number that float64 cannot hold.
/// InvalidArgument (without the name of the file) names the place.
absl::StatusOr<nlohmann::json> ParseStrictJson(std::string_view text);

/// JSON of what Python's json module takes for JSON: halves of surrogate pairs become U+FFFD, and NaN, Infinity and
/// numbers that float64 cannot hold become strings, which no reader takes for a number.
std::string FromPython(std::string_view text);

/// Parses one JSON text as Python reads it, which transformers' files come from: of two equal keys in FromPython(text)
/// the last one counts. Refuses more than 500 levels of nesting and a NUL byte.
absl::StatusOr<nlohmann::json> ParsePythonJson(std::string_view text);

/// A JSON value as errors show it: one line, bounded in length, ASCII.
std::string ShownValue(const nlohmann::json& value);

}  // namespace roberta::json
