#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"

namespace roberta::config {

/// InvalidArgument: "config: FIELD is VALUE; it must be EXPECTED", in one line.
absl::Status WrongValue(const std::string& field, const std::string& value, const std::string& expected);

/// `value` in double quotes, as printable ASCII.
std::string Shown(const std::string& value);

absl::Status CheckRange(const std::string& field, uint32_t value, uint32_t lowest, uint32_t highest);
/// The limit of every max_batch_tokens.
inline constexpr uint32_t kMostBatchTokens = 1u << 20;
/// A finite number that is at least `lowest` and at most `highest`.
absl::Status CheckNumber(const std::string& field, double value, double lowest, double highest);
/// Protobuf's text format lets any bytes into a string, but its other formats and gRPC do not take them.
absl::Status CheckUtf8(const std::string& field, const std::string& value);
/// Whether `host` is an address of the loopback interface, or "localhost".
bool IsLoopbackHost(const std::string& host);
absl::Status CheckOneOf(const std::string& field, const std::string& value, const std::vector<std::string>& allowed);

}  // namespace roberta::config
