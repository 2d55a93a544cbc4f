// Reads the input as the bytes of a ClassifyRequest and validates it as the service does. What passes must be
// tokenisable.
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

#include "profiles/tokenizer/tokenizer.h"
#include "profiles/tokenizer/utf8.h"
#include "roberta/internal/requests.pb.h"
#include "server/service/request_validation.h"
#include "tests/fuzz/require.h"
#include "tests/test_paths.h"

namespace {

using namespace roberta;

const tokenizer::Tokenizer& Demo() {
  static const auto loaded = tokenizer::Tokenizer::Load(test_paths::InRepository("models/demo-sst2")).value();
  return *loaded;
}

/// A message goes into a gRPC status and a log line: one line of UTF-8, of bounded length.
void CheckProblem(const service::FieldProblem& problem) {
  Require(problem.status.code() == absl::StatusCode::kInvalidArgument);
  const std::string message(problem.status.message());
  Require(message.find('\n') == std::string::npos && message.size() < 1000);
  Require(!tokenizer::FirstInvalidUtf8(message) && !problem.field.empty());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  internal::RawClassifyRequest request;
  if (!request.ParseFromArray(data, static_cast<int>(size))) return 0;
  const service::RequestLimits limits = {.max_items = 8, .max_item_characters = 100};
  service::CallSettings settings;
  if (const auto problem = service::ValidateCall(request, limits, &settings)) {
    CheckProblem(*problem);
    return 0;
  }
  Require(request.items_size() >= 1 && request.items_size() <= 8);
  tokenizer::Encoding encoding;
  for (int i = 0; i < request.items_size(); ++i) {
    const internal::RawItem& item = request.items(i);
    if (const auto problem = service::ValidateItem(item, "items[" + std::to_string(i) + "]", limits)) {
      CheckProblem(*problem);
      continue;
    }
    std::optional<std::string_view> pair;
    if (item.has_text_pair()) pair = item.text_pair();
    Require(Demo()
                .Encode(item.text(), pair, {.max_tokens = 512, .truncation = tokenizer::Truncation::kRight}, &encoding)
                .ok());
    Require(!tokenizer::IsBlank(item.text()) && encoding.ids.size() >= 3);
  }
  Require(service::Quote(request.profile()).size() < 300);
  return 0;
}
