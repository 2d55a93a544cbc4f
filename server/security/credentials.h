#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "server/security/role.h"

namespace roberta::security {

/// Of a token.
using Sha256 = std::array<uint8_t, 32>;

/// One line of a credentials file: how a caller is recognized.
struct Entry {
  Caller caller;             ///< without index
  Sha256 token_sha256 = {};  ///< if `identity` is empty
  std::string identity;      ///< a name in the caller's certificate, if it is recognized by that
};

/// All entries of a name have the same role and limits.
using Credentials = std::vector<Entry>;

/// Sizes of what a credentials file may hold.
inline constexpr size_t kMostCredentialsBytes = 1u << 20;
inline constexpr size_t kMostEntries = 4096;
inline constexpr size_t kLongestCallerName = 64;
inline constexpr size_t kLongestToken = 4096;

/// Reads a credentials file, one entry a line, in words that blanks separate: the name of the caller (1 to 64 of A-Z
/// a-z 0-9 _ . -), its role, then the SHA-256 of its token as 64 hex digits or certificate:IDENTITY, where IDENTITY is
/// a subject alternative name (DNS, URI, e-mail) or the common name of its certificate. After that there may be
/// items_per_second=NUMBER and share=NUMBER. Lines that are empty or begin with # are skipped. A name may have several
/// entries, so that a token can be replaced while both are valid. InvalidArgument names the file, the line and the
/// field, and repeats neither tokens nor hashes.
absl::StatusOr<Credentials> ParseCredentials(std::string_view text, std::string_view file);

/// Of a token of at most kLongestToken bytes.
Sha256 HashOf(std::string_view token);

}  // namespace roberta::security
