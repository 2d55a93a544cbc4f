// Reads the input as metadata of a request: a traceparent and a request id. What is taken from them goes into a line of
// the log as it is.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "server/call/identity.h"
#include "server/request_log/request_log.h"
#include "tests/fuzz/require.h"

namespace {

using namespace roberta::call;
using roberta::request_log::Format;
using roberta::request_log::Line;

void CheckTraceId(std::string_view id, std::string_view header) {
  Require(id.size() == 32 && id.find_first_not_of("0123456789abcdef") == std::string_view::npos);
  Require(id.find_first_not_of('0') != std::string_view::npos);
  Require(id.data() >= header.data() && id.data() + id.size() <= header.data() + header.size());
}

bool IsOneLine(const std::string& text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return c >= ' ' && c <= '~'; });
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string header(reinterpret_cast<const char*>(data), size);
  if (const auto trace_id = TraceIdOf(header)) {
    CheckTraceId(*trace_id, header);
    Require(header.size() == 55 || (header.size() > 55 && header[55] == '-' && header.substr(0, 2) != "00"));
  }
  if (IsValidRequestId(header)) Require(IsOneLine(header) && header.find(' ') == std::string::npos);
  for (const Format format : {Format::kText, Format::kJson}) {
    Line line(format, "request");
    line.Add("request_id", header);
    Require(IsOneLine(line.text()));
  }
  return 0;
}
