// Sends the input to a route of the HTTP API, without a network: the first line is the path, or stands for one by its
// length, and the query; the second, if it has a colon, is a header, and the rest the body. Whatever comes, the answer
// must be JSON and no fault of the server.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "tests/fuzz/require.h"
#include "tests/server/transport/http_exchange.h"

namespace {

using namespace roberta;

std::string TakeLine(std::string_view* input) {
  const std::string line(input->substr(0, input->find('\n')));
  input->remove_prefix(std::min(line.size() + 1, input->size()));
  return line;
}

/// So that most mutations reach a body.
constexpr const char* kPaths[] = {"/v1/classify",
                                  "/v1/compare",
                                  "/predict",
                                  "/tokenize",
                                  "/v2/models/puppet/infer",
                                  "/v2/repository/index",
                                  "/v2/repository/models/puppet@baseline/load",
                                  "/v1/profiles/baseline:load"};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static transport::PuppetApi api;
  std::string_view input(reinterpret_cast<const char*>(data), size);
  const std::string target = TakeLine(&input), header = TakeLine(&input);
  http::Request request = {.method = "POST", .path = target.substr(0, target.find('?'))};
  if (request.path.size() < target.size()) request.query = target.substr(request.path.size() + 1);
  if (!target.starts_with('/')) request.path = kPaths[target.size() % std::size(kPaths)];
  const size_t colon = header.find(':');
  if (colon != std::string::npos) request.headers = {{header.substr(0, colon), header.substr(colon + 1)}};
  request.body = std::string(input);
  const http::Response response = api.Answer(std::move(request));
  Require(response.status == 200 || (response.status >= 400 && response.status != 500 && response.status <= 504));
  Require(response.content_type == "application/octet-stream" || nlohmann::json::accept(response.body));
  if (response.status == 200) return 0;
  const auto error = nlohmann::json::parse(response.body);
  Require(error["error"].is_string() && error["error_type"].is_string());
  Require(error["error"].get<std::string>().find('\n') == std::string::npos);
  return 0;
}
