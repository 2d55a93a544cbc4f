// Parses the input as a ServerConfig, once as text-proto and once as JSON. What is valid must read back from its own
// print.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "server/config/server_config.h"
#include "tests/fuzz/require.h"

namespace {

using namespace roberta::config;

void Try(std::string_view text, Format format) {
  auto config = ParseConfig(text, format, "server.config");
  if (!config.ok()) {
    Require(config.status().message().find('\n') == absl::string_view::npos);
    return;
  }
  const std::vector<KnownRecipe> recipes = {{"baseline", false}, {"quantized", false}, {"pruned", true}};
  CompleteConfig({}, 2, recipes, &*config);
  const absl::Status valid = ValidateConfig(*config, recipes);
  Require(valid.message().find('\n') == absl::string_view::npos);
  if (!valid.ok()) return;
  for (const Format printed : {Format::kTextProto, Format::kJson}) {
    const auto again = ParseConfig(PrintConfig(*config, printed), printed, "printed");
    Require(again.ok() && again->SerializeAsString() == config->SerializeAsString());
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  Try(text, Format::kTextProto);
  Try(text, Format::kJson);
  return 0;
}
