#pragma once

#include <string>
#include <string_view>

#include "server/http/message.h"

// The heads of requests and responses.
namespace roberta::http {

/// The head of a response, with the empty line after it. Leaves out headers whose value could begin another one.
std::string ResponseHead(const Response& response, bool keep_alive);

/// Sets path and query by a request target in origin form or, as a proxy sends it, in absolute form; an empty path for
/// any other.
void SplitTarget(std::string_view target, Request* request);

/// Whether the value of a header Host is localhost, [::1] or of 127.0.0.0/8, with or without a port.
bool IsLoopback(std::string_view host);

/// ASCII letters in lower case, as names of headers are compared.
std::string LowerCase(std::string text);

}  // namespace roberta::http
