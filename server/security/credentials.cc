#include "server/security/credentials.h"

#include <openssl/sha.h>

#include <cmath>
#include <map>
#include <set>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "profiles/errors/errors.h"

namespace roberta::security {
namespace {

constexpr absl::string_view kCertificate = "certificate:";
constexpr size_t kLongestIdentity = 1024;
constexpr double kFewestItemsPerSecond = 0.001, kMostItemsPerSecond = 1e9;  // the fewest are some a day

bool IsCallerName(absl::string_view name) {
  const auto fits = [](char c) { return absl::ascii_isalnum(c) || c == '_' || c == '.' || c == '-'; };
  return !name.empty() && name.size() <= kLongestCallerName && std::ranges::all_of(name, fits);
}

bool IsPrintable(absl::string_view text) {
  return std::ranges::all_of(text, [](char c) { return c > ' ' && c <= '~'; });
}

std::string Quoted(absl::string_view word) {
  constexpr size_t kLongestShown = 80;
  return absl::StrCat("\"", absl::CHexEscape(word.substr(0, kLongestShown)), word.size() > kLongestShown ? "..." : "",
                      "\"");
}

/// Hex digits of either case.
bool ReadSha256(absl::string_view hex, Sha256* sha256) {
  if (hex.size() != 2 * sha256->size() || !std::ranges::all_of(hex, absl::ascii_isxdigit)) return false;
  for (size_t i = 0; i < sha256->size(); ++i) {  // abseil's function for that is another one in Debian 13
    uint32_t byte = 0;
    if (!absl::SimpleHexAtoi(hex.substr(2 * i, 2), &byte)) return false;
    (*sha256)[i] = static_cast<uint8_t>(byte);
  }
  return true;
}

// A word that is not what its place asks for may be a token, and errors are logged: it is not repeated.

/// Reads KEY=NUMBER into the caller. It is the word `place` of the line, counted from 1.
absl::Status ReadLimit(absl::string_view word, size_t place, Caller* caller) {
  const std::pair<absl::string_view, absl::string_view> parts = absl::StrSplit(word, absl::MaxSplits('=', 1));
  const bool is_rate = parts.first == "items_per_second";
  if (!is_rate && parts.first != "share") {
    return errors::InvalidArgument("word ", place, " is no limit; it must be items_per_second=NUMBER or share=NUMBER");
  }
  std::optional<double>& limit = is_rate ? caller->items_per_second : caller->share;
  if (limit) return errors::InvalidArgument(parts.first, " is given twice");
  const double least = is_rate ? kFewestItemsPerSecond : 0, most = is_rate ? kMostItemsPerSecond : 1;
  double number = 0;
  if (!absl::SimpleAtod(parts.second, &number) || !(number > 0 && number >= least && number <= most)) {
    return errors::InvalidArgument(parts.first, " is ", Quoted(parts.second), "; it must be ",
                                   is_rate ? "at least " : "above ", least, " and at most ", most);
  }
  limit = number;
  return absl::OkStatus();
}

absl::Status ReadProof(absl::string_view proof, Entry* entry) {
  if (ReadSha256(proof, &entry->token_sha256)) return absl::OkStatus();
  if (!absl::ConsumePrefix(&proof, kCertificate)) {
    return errors::InvalidArgument(
        "the third word is neither the SHA-256 of a token, 64 hex digits, nor certificate:IDENTITY");
  }
  if (proof.empty() || proof.size() > kLongestIdentity || !IsPrintable(proof)) {
    return errors::InvalidArgument("certificate: names ", Quoted(proof), "; it must be 1 to ", kLongestIdentity,
                                   " printable ASCII characters");
  }
  entry->identity = std::string(proof);
  return absl::OkStatus();
}

absl::StatusOr<Entry> ReadLine(absl::string_view line) {
  const std::vector<absl::string_view> words = absl::StrSplit(line, absl::ByAnyChar(" \t"), absl::SkipEmpty());
  if (words.size() < 3) return errors::InvalidArgument("there must be a name, a role and how the caller is recognized");
  Entry entry;
  if (!IsCallerName(words[0]) || words[0] == "anonymous") {
    return errors::InvalidArgument("the first word is no name; it must be 1 to ", kLongestCallerName,
                                   " of A-Z a-z 0-9 _ . -, and not anonymous");
  }
  entry.caller.name = std::string(words[0]);
  const auto role = RoleNamed(std::string_view(words[1].data(), words[1].size()));
  if (!role || *role == Role::kNone) {
    return errors::InvalidArgument("the second word is no role; it must be metadata, inference or admin");
  }
  entry.caller.role = *role;
  RETURN_IF_ERROR(ReadProof(words[2], &entry));
  for (size_t i = 3; i < words.size(); ++i) RETURN_IF_ERROR(ReadLimit(words[i], i + 1, &entry.caller));
  return entry;
}

/// Adds entries and refuses what contradicts those before.
class Collection {
 public:
  absl::Status Add(Entry entry) {
    const bool is_new =
        entry.identity.empty() ? hashes_.insert(entry.token_sha256).second : identities_.insert(entry.identity).second;
    if (!is_new) return errors::InvalidArgument("an earlier line has the same token or certificate");
    const auto [at, is_first] = callers_.try_emplace(entry.caller.name, entry.caller);
    const Caller& first = at->second;
    if (first.role != entry.caller.role || first.items_per_second != entry.caller.items_per_second ||
        first.share != entry.caller.share) {
      return errors::InvalidArgument("an earlier line gives the same name another role or other limits");
    }
    if (callers_.size() > kMostCallers || entries_.size() == kMostEntries) {
      return errors::InvalidArgument("there may be at most ", kMostCallers, " names and ", kMostEntries, " entries");
    }
    entries_.push_back(std::move(entry));
    return absl::OkStatus();
  }
  Credentials Take() { return std::move(entries_); }

 private:
  std::set<Sha256> hashes_;
  std::set<std::string> identities_;
  std::map<std::string, Caller> callers_;
  Credentials entries_;
};

}  // namespace

absl::StatusOr<Credentials> ParseCredentials(std::string_view text, std::string_view file) {
  if (text.size() > kMostCredentialsBytes) {
    return errors::InvalidArgument(file, ": has ", text.size(), " bytes; at most ", kMostCredentialsBytes, " are read");
  }
  absl::string_view rest(text.data(), text.size());
  absl::ConsumePrefix(&rest, "\xEF\xBB\xBF");
  Collection collection;
  size_t number = 0;
  for (absl::string_view line : absl::StrSplit(rest, '\n')) {
    ++number;
    line = absl::StripAsciiWhitespace(line);
    if (line.empty() || line.front() == '#') continue;
    absl::StatusOr<Entry> entry = ReadLine(line);
    const absl::Status status = entry.ok() ? collection.Add(*std::move(entry)) : entry.status();
    if (!status.ok()) return errors::In(absl::StrCat(errors::Piece(file), ":", number), status);
  }
  return collection.Take();
}

Sha256 HashOf(std::string_view token) {
  Sha256 sha256;
  SHA256(reinterpret_cast<const unsigned char*>(token.data()), token.size(), sha256.data());
  return sha256;
}

}  // namespace roberta::security
