// Reads the input as a credentials file. What is taken from it must be within its bounds, and a guard that uses it must
// find every entry again.
#include <cstddef>
#include <cstdint>
#include <set>
#include <string>
#include <string_view>

#include "server/security/credentials.h"
#include "server/security/guard.h"
#include "tests/fuzz/require.h"

using namespace roberta::security;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string text(reinterpret_cast<const char*>(data), size);
  const auto credentials = ParseCredentials(text, "file");
  if (!credentials.ok()) {
    Require(std::string_view(credentials.status().message().data(), credentials.status().message().size()).find('\n') ==
            std::string_view::npos);
    return 0;
  }
  Guard guard({.anonymous_role = Role::kNone});
  guard.Use(*credentials);
  std::set<size_t> indices;
  std::set<std::string> names;
  for (const Entry& entry : *credentials) {
    const Caller& caller = entry.caller;
    Require(!caller.name.empty() && caller.name.size() <= kLongestCallerName && caller.role != Role::kNone);
    Require(!caller.share || (*caller.share > 0 && *caller.share <= 1));
    Require(!caller.items_per_second || *caller.items_per_second > 0);
    names.insert(caller.name);
    if (entry.identity.empty()) continue;
    const Decision decision = guard.Check({.has_certificate = true, .identities = {entry.identity}}, caller.role);
    Require(!decision.failure && decision.caller->name == caller.name);
    Require(decision.caller->index >= 1 && decision.caller->index <= kMostCallers);
    indices.insert(decision.caller->index);
  }
  Require(indices.size() <= names.size());
  return 0;
}
