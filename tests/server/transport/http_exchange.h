#pragma once

#include <functional>
#include <future>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>

#include "server/http/message.h"
#include "server/transport/http_routes.h"
#include "tests/server/service/puppet_server.h"

namespace roberta::transport {

/// Keeps the response to one request, and in `*gone` how to be a client that goes before.
class KeptResponse final : public http::Responder::Exchange {
 public:
  KeptResponse(std::promise<http::Response> promise, std::function<void()>* gone)
      : promise_(std::move(promise)), gone_(gone) {}
  void Respond(http::Response response) override { promise_.set_value(std::move(response)); }
  void OnGone(std::function<void()> gone) override { *gone_ = std::move(gone); }

 private:
  std::promise<http::Response> promise_;
  std::function<void()>* const gone_;
};

/// The routes around a puppet, without a network.
struct PuppetApi {
  PuppetApi() : PuppetApi(std::make_shared<service::PuppetProfile>()) {}
  explicit PuppetApi(std::shared_ptr<const encoder::Profile> profile) : puppet(std::move(profile)) {
    services = {.parts = &parts,
                .classification = &puppet.classification,
                .comparison = &puppet.comparison,
                .administration = &administration,
                .tokenization = &tokenization,
                .page = [](const std::string& path, const std::function<void(http::Response)>& take) {
                  take({.body = "the page " + path});
                }};
  }

  std::future<http::Response> Send(http::Request request, std::function<void()>* gone) {
    request.arrival = std::chrono::steady_clock::now();
    std::promise<http::Response> promise;
    std::future<http::Response> response = promise.get_future();
    AnswerHttp(services, std::move(request), http::Responder(std::make_unique<KeptResponse>(std::move(promise), gone)));
    return response;
  }
  http::Response Answer(http::Request request) {
    std::function<void()> gone;
    return Send(std::move(request), &gone).get();
  }
  http::Response Get(const std::string& path) { return Answer({.method = "GET", .path = path}); }
  http::Response Post(const std::string& path, const std::string& body, http::Headers headers = {}) {
    return Answer({.method = "POST", .path = path, .headers = std::move(headers), .body = body});
  }

  service::PuppetServer puppet;
  batching::WorkerPool loads{1};
  service::Parts parts = [this] {
    service::Parts with_loads = puppet.parts;
    with_loads.loads = &loads;
    return with_loads;
  }();
  service::ProfileAdministration administration{parts};
  service::Tokenization tokenization{parts};
  HttpServices services;
};

inline std::string HeaderOf(const http::Response& response, const std::string& name) {
  for (const auto& [key, value] : response.headers) {
    if (key == name) return value;
  }
  return "";
}

inline nlohmann::json BodyOf(const http::Response& response) {
  return nlohmann::json::parse(response.body);
}

}  // namespace roberta::transport
