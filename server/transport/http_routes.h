#pragma once

#include <functional>
#include <span>
#include <string>
#include <string_view>

#include "server/http/message.h"
#include "server/security/role.h"
#include "server/service/classification.h"
#include "server/service/comparison.h"
#include "server/service/parts.h"
#include "server/service/profile_administration.h"
#include "server/service/tokenization.h"
#include "server/transport/http_call.h"
#include "server/transport/large_bodies.h"
#include "server/transport/tei.h"

namespace roberta::transport {

/// What the routes call. All must outlive them.
struct HttpServices {
  const service::Parts* parts = nullptr;
  service::Classification* classification = nullptr;
  service::Comparison* comparison = nullptr;
  service::ProfileAdministration* administration = nullptr;
  service::Tokenization* tokenization = nullptr;
  ServerFacts facts;
  /// Hands over a page of the metrics' server, "/metrics", later and from another thread.
  std::function<void(std::string path, std::function<void(http::Response)> take)> page;
  /// Lets everybody do everything if it is empty.
  Authorize authorize;
  LargeBodies* large_bodies = nullptr;  ///< nullptr: all bodies are read at once
};

/// What is answered at a path. GET also answers HEAD.
struct HttpRoute {
  std::string_view method;
  std::string_view path;  ///< "/v1/profiles/{name}:load": each {} stands for a part of a segment that is not empty
  security::Role role;    ///< that callers need
  void (*answer)(const HttpServices& services, HttpCall&& call);
};

/// All routes; the first one that matches counts.
std::span<const HttpRoute> HttpRoutes();

/// Answers `request` by its route: 404, 405, 415 or 403 if there is none for it. Runs on the HTTP server's thread,
/// which it keeps for milliseconds at most.
void AnswerHttp(const HttpServices& services, http::Request request, http::Responder responder);

/// The response to what is no request or comes too late, as http::Options::error_response.
http::Response TransportError(unsigned status, std::string_view sentence);

/// The contract, as OpenAPI 3.1 in JSON.
std::string_view OpenApiJson();

}  // namespace roberta::transport
