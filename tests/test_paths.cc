#include "tests/test_paths.h"

#include <cstdlib>
#include <filesystem>

namespace roberta::test_paths {

std::string InRepository(const std::string& path) {
  return std::string(ROBERTA_SOURCE_DIR) + "/" + path;
}

std::string QuickDemoModel() {
  return ROBERTA_BINARY_DIR "/tests/models/demo-sst2";
}

std::optional<std::string> InShared(const std::string& path) {
  const char* root = std::getenv("ROBERTA_SHARED");
  std::string full = (root != nullptr ? std::string(root) : InRepository("../shared")) + "/" + path;
  if (!std::filesystem::exists(full)) return std::nullopt;
  return full;
}

}  // namespace roberta::test_paths
