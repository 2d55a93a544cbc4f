#include "server/http/message.h"

namespace roberta::http {
namespace {

int HexDigit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  const char lower = static_cast<char>(c | 0x20);
  return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

}  // namespace

std::optional<std::string_view> Request::Header(std::string_view name) const {
  std::optional<std::string_view> value;
  for (const auto& [key, text] : headers) {
    if (key != name) continue;
    if (value) return std::nullopt;
    value = text;
  }
  return value;
}

Responder::~Responder() {
  if (exchange_ != nullptr)
    Respond({.status = 500, .content_type = "text/plain", .body = "the server has no answer\n"});
}

void Responder::Respond(Response response) {
  const std::unique_ptr<Exchange> exchange = std::move(exchange_);
  exchange->Respond(std::move(response));
}

std::optional<std::string> PercentDecoded(std::string_view text) {
  std::string decoded;
  decoded.reserve(text.size());
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      decoded += text[i];
      continue;
    }
    const int high = i + 2 < text.size() ? HexDigit(text[i + 1]) : -1;
    const int low = i + 2 < text.size() ? HexDigit(text[i + 2]) : -1;
    if (high < 0 || low < 0) return std::nullopt;
    decoded += static_cast<char>(high * 16 + low);
    i += 2;
  }
  return decoded;
}

}  // namespace roberta::http
