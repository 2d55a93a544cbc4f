#include "profiles/tool/failure.h"

#include <cstdio>
#include <string>

namespace roberta::tool {

int Fail(const absl::Status& status) {
  return Fail(std::string(status.message()));
}

int Fail(std::string_view text) {
  std::fprintf(stderr, "error: %.*s\n", static_cast<int>(text.size()), text.data());
  return 1;
}

}  // namespace roberta::tool
