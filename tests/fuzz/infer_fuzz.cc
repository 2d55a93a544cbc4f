// Reads the input as the bytes of a ModelInferRequest and makes a call of it as the server does. What becomes a call
// must be as many texts as the request's shape says, and no more bytes than it has; what does not must say why.
#include <google/protobuf/stubs/logging.h>

#include <cstddef>
#include <cstdint>
#include <string>

#include "profiles/tokenizer/utf8.h"
#include "server/transport/oip.h"
#include "tests/fuzz/require.h"
#include "tests/server/service/puppet_server.h"

namespace {

using namespace roberta;

const service::Parts& PuppetParts() {
  static service::PuppetRegistry registry(std::make_shared<service::PuppetProfile>());
  static const service::Parts parts = {
      .model_name = "m", .limits = {.max_items = 8, .max_item_characters = 100}, .registry = &registry};
  return parts;
}

/// Goes into a gRPC status and a log line: one line of UTF-8, of bounded length.
void CheckFailure(const absl::Status& status) {
  Require(absl::IsInvalidArgument(status) || absl::IsNotFound(status));
  const std::string message(status.message());
  Require(!message.empty() && message.size() < 1000 && message.find('\n') == std::string::npos);
  Require(!tokenizer::FirstInvalidUtf8(message));
}

void CheckRaw(const std::string& raw, size_t elements) {
  const auto split = transport::SplitRawBytes(raw, elements);
  if (!split.ok()) return CheckFailure(split.status());
  size_t bytes = 0;
  for (const std::string_view element : *split) bytes += sizeof(uint32_t) + element.size();
  Require(split->size() == elements && bytes == raw.size());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  [[maybe_unused]] static auto* const before = google::protobuf::SetLogHandler(nullptr);
  CheckRaw(std::string(reinterpret_cast<const char*>(data), size), size % 8);
  transport::InferTranslation translation(&PuppetParts());
  service::ClassifyCall call(call::PhaseClock::Clock::now());
  inference::ModelInferRequest* const request = translation.request(&call);
  if (!request->ParseFromArray(data, static_cast<int>(size))) return 0;
  const int64_t texts =
      request->inputs_size() > 0 && request->inputs(0).shape_size() > 0 ? request->inputs(0).shape(0) : 0;
  const absl::Status begun = translation.Begin(&call);
  if (!begun.ok()) {
    CheckFailure(begun);
    return 0;
  }
  Require(call.request.items_size() == texts && texts >= 1 && texts <= 8);
  size_t bytes = 0;
  for (const internal::RawItem& item : call.request.items()) bytes += service::BytesOf(item);
  Require(bytes <= size);
  service::CallSettings settings;
  Require(!service::ValidateCall(call.request, PuppetParts().limits, &settings));
  return 0;
}
