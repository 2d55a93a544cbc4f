#pragma once

#include <cstdlib>
#include <filesystem>
#include <optional>
#include <string>

namespace roberta::test_paths {

/// A path inside the repository.
inline std::string InRepository(const std::string& path) {
  return std::string(ROBERTA_SOURCE_DIR) + "/" + path;
}

/// A path inside the test data that is too large, or not ours, to be in the repository: $ROBERTA_SHARED, else ../shared
/// beside the repository. nullopt where it is absent: the test then skips, visibly.
inline std::optional<std::string> InShared(const std::string& path) {
  const char* root = std::getenv("ROBERTA_SHARED");
  std::string full = (root != nullptr ? std::string(root) : InRepository("../shared")) + "/" + path;
  if (!std::filesystem::exists(full)) return std::nullopt;
  return full;
}

}  // namespace roberta::test_paths

/// Binds `variable` to InShared(path), or skips the test with a line that says what is missing.
#define ROBERTA_SHARED_OR_SKIP(variable, path)                                                                    \
  const std::optional<std::string> variable##_found = roberta::test_paths::InShared(path);                        \
  if (!variable##_found) GTEST_SKIP() << "not measured: " << (path) << " is not in $ROBERTA_SHARED or ../shared"; \
  const std::string& variable = *variable##_found
