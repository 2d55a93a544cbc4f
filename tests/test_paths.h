#pragma once

#include <optional>
#include <string>

namespace roberta::test_paths {

/// A path inside the repository.
std::string InRepository(const std::string& path);

/// Directory of the demo model with a quarter of its sample: it loads twice as fast.
std::string QuickDemoModel();

/// A path inside the test data that is too large, or not ours, to be in the repository: $ROBERTA_SHARED, else ../shared
/// beside the repository. nullopt where it is absent: the test then skips, visibly.
std::optional<std::string> InShared(const std::string& path);

}  // namespace roberta::test_paths

/// Binds `variable` to InShared(path), or skips the test with a line that says what is missing.
#define ROBERTA_SHARED_OR_SKIP(variable, path)                                                                    \
  const std::optional<std::string> variable##_found = roberta::test_paths::InShared(path);                        \
  if (!variable##_found) GTEST_SKIP() << "not measured: " << (path) << " is not in $ROBERTA_SHARED or ../shared"; \
  const std::string& variable = *variable##_found
