#include "server/transport/http_routes.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>
#include <tuple>

#include "roberta/v1/classifier.pb.h"
#include "server/call/failure_reason.h"
#include "tests/server/transport/http_exchange.h"

namespace roberta::transport {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::MatchesRegex;
using ::testing::Not;
using ::testing::StartsWith;

constexpr char kGood[] = R"({"items": [{"text": "good", "id": "mine"}]})";

TEST(HttpRoutes, ClassifiesInJson) {
  PuppetApi api;
  const http::Response response =
      api.Post("/v1/classify", kGood, {{"content-type", "application/json; charset=utf-8"}});
  EXPECT_EQ(response.status, 200u);
  EXPECT_EQ(response.content_type, "application/json");
  const auto body = BodyOf(response);
  EXPECT_EQ(body["results"][0]["id"], "mine");
  EXPECT_EQ(body["results"][0]["classification"]["tokenCount"], 3);
  EXPECT_EQ(body["profileUsed"], "baseline");
}

TEST(HttpRoutes, HeadersSayWhatTrailersSayOverGrpc) {
  PuppetApi api;
  const http::Response response = api.Post("/v1/classify", kGood, {{"x-request-id", "mine-1"}});
  EXPECT_EQ(HeaderOf(response, "x-request-id"), "mine-1");
  EXPECT_EQ(HeaderOf(response, "x-profile-used"), "baseline");
  for (const char* name : {"x-queue-time", "x-inference-time", "x-total-time"}) {
    EXPECT_THAT(HeaderOf(response, name), MatchesRegex("[0-9]+\\.[0-9]{3}")) << name;
  }
  EXPECT_EQ(HeaderOf(response, "X-Content-Type-Options"), "nosniff");
}

TEST(HttpRoutes, AHeaderNamesTheProfile) {
  PuppetApi api;
  const http::Response response = api.Post("/v1/classify", kGood, {{"x-profile", "quantized"}});
  EXPECT_EQ(response.status, 400u);
  EXPECT_EQ(BodyOf(response)["error_type"], "profile_not_ready");
}

TEST(HttpRoutes, ComparesAndListsProfiles) {
  PuppetApi api;
  const auto compared = BodyOf(api.Post("/v1/compare", R"({"item": {"text": "good"}, "profiles": ["baseline"]})"));
  EXPECT_EQ(compared["comparisons"][0]["profile"], "baseline");
  const http::Response listed = api.Get("/v1/profiles");
  EXPECT_EQ(BodyOf(listed)["profiles"][0]["name"], "baseline");
  EXPECT_THAT(HeaderOf(listed, "x-request-id"), MatchesRegex("[0-9a-f]{32}"));
}

TEST(HttpRoutes, ActsOnTheProfileThatThePathNames) {
  PuppetApi api;
  for (const char* action : {"load", "unload", "setDefault"}) {
    const std::string path = std::string("/v1/profiles/baselin%65:") + action;
    const http::Response response = api.Post(path, "");
    EXPECT_EQ(response.status, 200u) << response.body;
    EXPECT_EQ(BodyOf(response)["profile"]["name"], "baseline");
    EXPECT_EQ(api.Post(path, "{}").status, 200u);
    EXPECT_EQ(api.Post(path, R"({"name": "x"})").status, 400u);
  }
  const http::Response unknown = api.Post("/v1/profiles/no%2Fne:load", "");
  EXPECT_EQ(unknown.status, 400u);
  EXPECT_EQ(BodyOf(unknown)["error_type"], "unknown_profile");
  EXPECT_THAT(unknown.body, HasSubstr("no/ne"));
}

TEST(HttpRoutes, ABadItemIsNamed) {
  PuppetApi api;
  const http::Response response = api.Post("/v1/classify", R"({"items": [{"text": "good"}, {"text": " "}]})");
  EXPECT_EQ(response.status, 400u);
  const auto body = BodyOf(response);
  EXPECT_EQ(body["error_type"], "blank_text");
  EXPECT_EQ(body["field_violations"][0]["field"], "items[1].text");
}

TEST(HttpRoutes, WhatIsNotJsonIsRefusedAndCounted) {
  PuppetApi api;
  const http::Response response = api.Post("/v1/classify", "{");
  EXPECT_EQ(response.status, 400u);
  EXPECT_EQ(BodyOf(response)["error_type"], "malformed_message");
  EXPECT_THAT(api.puppet.metrics.Scrape(), HasSubstr("roberta_request_failures_total{reason=\"malformed_message\"} 1"));
}

TEST(HttpRoutes, ADeadlineMayComeInThreeWays) {
  PuppetApi api;
  for (const char* body : {R"({"items": [{"text": "good"}], "timeout_ms": 0})"}) {
    EXPECT_EQ(api.Post("/v1/classify", body).status, 504u);
  }
  EXPECT_EQ(api.Post("/v1/classify", kGood, {{"grpc-timeout", "0m"}}).status, 504u);
  EXPECT_EQ(api.Answer({.method = "POST", .path = "/v1/classify", .query = "a=b&timeout_ms=0", .body = kGood}).status,
            504u);
  EXPECT_EQ(api.Post("/v1/classify", kGood, {{"grpc-timeout", "10000S"}}).status, 200u);
}

TEST(HttpRoutes, ADeadlineThatIsNoneIsNamed) {
  PuppetApi api;
  for (const char* timeout : {"", "m", "1", "-1m", "1.5S", "123456789m", "1s", "1 m", "0x1m"}) {
    EXPECT_THAT(api.Post("/v1/classify", kGood, {{"grpc-timeout", timeout}}).body, HasSubstr("grpc-timeout: "))
        << timeout;
  }
  for (const char* query : {"timeout_ms=", "timeout_ms", "timeout_ms=-1", "timeout_ms=nan", "timeout_ms=1s"}) {
    const http::Response response =
        api.Answer({.method = "POST", .path = "/v1/classify", .query = query, .body = kGood});
    EXPECT_THAT(response.body, HasSubstr("timeout_ms: ")) << query;
  }
  EXPECT_THAT(api.Post("/v1/classify", R"({"items": [{"text": "good"}], "timeout_ms": "1"})").body,
              HasSubstr("\"field\":\"timeout_ms\""));
}

TEST(HttpRoutes, ARefusalDoesNotWaitForAClientThatIsGone) {
  PuppetApi api;
  const service::ParkedRefusals::Clock::time_point now(std::chrono::hours(10));
  service::ParkedRefusals refusals(
      {.capacity = 10, .interval = std::chrono::milliseconds(400), .now = [now] { return now; }, .own_thread = false});
  service::Parts parts = api.parts;
  parts.refusals = &refusals;
  service::Classification classification(parts);
  service::Tokenization tokenization(parts);
  api.services.classification = &classification;
  api.services.tokenization = &tokenization;
  std::vector<admission::Permit> taken(64);  // all
  for (admission::Permit& permit : taken) ASSERT_TRUE(api.puppet.concurrency.Admit({}, &permit).ok());
  const http::Request classify = {.method = "POST", .path = "/v1/classify", .body = kGood};
  const http::Request tokenize = {.method = "POST", .path = "/tokenize", .body = R"({"inputs": "good"})"};
  EXPECT_EQ(api.Answer(classify).status, 429u) << "one that comes alone does not wait";
  std::function<void()> gone[2];
  std::future<http::Response> responses[] = {api.Send(classify, &gone[0]), api.Send(tokenize, &gone[1])};
  ASSERT_EQ(refusals.waiting(), 2u);
  for (const auto& go : gone) go();
  ASSERT_EQ(refusals.waiting(), 0u);
  for (auto& response : responses) EXPECT_EQ(response.get().status, 429u);
}

TEST(ReadHttpHead, KnowsAllUnitsOfGrpcTimeout) {
  for (const auto& [text, milliseconds] : std::initializer_list<std::pair<const char*, double>>{
           {"2H", 7.2e6}, {"2M", 1.2e5}, {"20S", 2e4}, {"20000m", 2e4}, {"20000000u", 2e4}, {"99999999n", 99.999999}}) {
    call::Head head;
    http::Request request = {.headers = {{"grpc-timeout", text}}, .arrival = std::chrono::steady_clock::now()};
    const auto before = std::chrono::system_clock::now();
    ASSERT_TRUE(ReadHttpHead(request, &head).ok());
    const double left = std::chrono::duration<double, std::milli>(head.deadline - before).count();
    EXPECT_NEAR(left, milliseconds, 1000) << text;
    EXPECT_GE(head.deadline, before + std::chrono::duration_cast<std::chrono::nanoseconds>(
                                          std::chrono::duration<double, std::milli>(milliseconds - 1000)));
  }
}

TEST(HttpRoutes, WhatIsNotServedSaysWhatIs) {
  PuppetApi api;
  for (const char* path : {"/nothing", "/v1", "/v1/", "/v1/classify/", "/v1/profiles/:load", "/v1/profiles/a/b:load",
                           "/v1/profiles/a:explode", "//v1/classify", ""}) {
    EXPECT_EQ(api.Get(path).status, 404u) << path;
  }
  const http::Response wrong_method = api.Get("/v1/classify");
  EXPECT_EQ(wrong_method.status, 405u);
  EXPECT_EQ(HeaderOf(wrong_method, "Allow"), "POST");
  const http::Response options = api.Answer({.method = "OPTIONS", .path = "/v1/profiles"});
  EXPECT_EQ(options.status, 405u);
  EXPECT_EQ(HeaderOf(options, "Allow"), "GET, HEAD");
  EXPECT_EQ(HeaderOf(options, "Access-Control-Allow-Origin"), "");
  EXPECT_EQ(api.Answer({.method = "HEAD", .path = "/v1/profiles"}).status, 200u);
}

TEST(HttpRoutes, BodiesOfAnotherTypeAreRefused) {
  PuppetApi api;
  for (const char* type : {"text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "",
                           "application/jsonx", "application/json2; a"}) {
    EXPECT_EQ(api.Post("/v1/classify", kGood, {{"content-type", type}}).status, 415u) << type;
  }
  for (const char* type : {"application/json", "Application/JSON;charset=utf-8", "application/json ; a=b"}) {
    EXPECT_EQ(api.Post("/v1/classify", kGood, {{"content-type", type}}).status, 200u) << type;
  }
}

TEST(HttpRoutes, APageOfAnotherOriginMayNotChangeAnything) {
  PuppetApi api;
  const std::string path = "/v1/profiles/baseline:setDefault";
  EXPECT_EQ(api.Post(path, "", {{"host", "127.0.0.1:8000"}, {"origin", "http://evil.example"}}).status, 403u);
  EXPECT_EQ(api.Post(path, "", {{"host", "127.0.0.1:8000"}, {"origin", "null"}}).status, 403u);
  EXPECT_EQ(api.Post(path, "", {{"host", "127.0.0.1:8000"}, {"origin", "http://127.0.0.1:8000"}}).status, 200u);
  EXPECT_EQ(api.Post(path, "", {{"host", "127.0.0.1:8000"}}).status, 200u);
}

TEST(HttpRoutes, PagesOfTheMetricsServerAreAtTheSamePaths) {
  PuppetApi api;
  for (const char* path : {"/metrics", "/healthz", "/readyz"}) {
    EXPECT_EQ(api.Get(path).body, std::string("the page ") + path);
  }
}

TEST(HttpRoutes, ThePageMayLoadItsOwnFilesOnly) {
  PuppetApi api;
  for (const auto& [path, content_type, begin] : {std::tuple("/", "text/html; charset=utf-8", "<!doctype html>"),
                                                  std::tuple("/page.css", "text/css; charset=utf-8", ":root {"),
                                                  std::tuple("/page.js", "text/javascript; charset=utf-8", "// ")}) {
    const http::Response response = api.Get(path);
    EXPECT_EQ(response.status, 200u);
    EXPECT_EQ(response.content_type, content_type);
    EXPECT_THAT(response.body, StartsWith(begin));
    EXPECT_THAT(HeaderOf(response, "Content-Security-Policy"),
                AllOf(StartsWith("default-src 'none'; script-src 'self';"), Not(HasSubstr("unsafe"))));
  }
}

TEST(HttpRoutes, EveryRouteAsksForTheRoleThatItNeeds) {
  PuppetApi api;
  security::Role asked = security::Role::kNone;
  api.services.authorize = [&asked](const http::Request&, security::Role role, call::Head*) -> Admission {
    asked = role;
    return {.status = absl::UnauthenticatedError("who are you?"), .delay = std::chrono::milliseconds(250)};
  };
  std::set<std::string> seen;
  for (const HttpRoute& route : HttpRoutes()) {
    std::string path(route.path);
    for (size_t open; (open = path.find('{')) != std::string::npos;) path.replace(open, path.find('}') + 1 - open, "x");
    EXPECT_TRUE(seen.insert(std::string(route.method) + path).second) << path << " is there twice";
    const http::Response response = api.Answer({.method = std::string(route.method), .path = path});
    EXPECT_EQ(response.status, 401u) << path;
    EXPECT_EQ(HeaderOf(response, "WWW-Authenticate"), "Bearer") << path;
    EXPECT_EQ(response.delay, std::chrono::milliseconds(250)) << path;
    EXPECT_EQ(asked, route.role) << path;
  }
}

TEST(HttpRoutes, EveryRouteIsForItsRoleAndThoseAbove) {
  using security::Role;
  security::Guard guard({.anonymous_role = Role::kNone, .max_delayed_failures = 0});
  security::Credentials credentials;
  for (const Role role : {Role::kMetadata, Role::kInference, Role::kAdmin}) {
    credentials.push_back(
        {.caller = {.name = NameOf(role), .role = role}, .token_sha256 = security::HashOf(NameOf(role))});
  }
  guard.Use(credentials);
  PuppetApi api;
  api.services.authorize = AuthorizeBy(&guard);
  for (const HttpRoute& route : HttpRoutes()) {
    std::string path(route.path);
    for (size_t open; (open = path.find('{')) != std::string::npos;) path.replace(open, path.find('}') + 1 - open, "x");
    for (const Role role : {Role::kNone, Role::kMetadata, Role::kInference, Role::kAdmin}) {
      http::Request request = {.method = std::string(route.method), .path = path, .body = "not JSON"};
      if (role != Role::kNone) request.headers = {{"authorization", std::string("Bearer ") + NameOf(role)}};
      const unsigned status = api.Answer(std::move(request)).status;
      EXPECT_EQ(status == 401, role == Role::kNone && role < route.role) << path << " by " << NameOf(role);
      EXPECT_EQ(status == 403, role != Role::kNone && role < route.role) << path << " by " << NameOf(role);
    }
    const bool may_change = path.find("load") != std::string::npos || path.find("setDefault") != std::string::npos;
    EXPECT_EQ(route.role == Role::kAdmin, may_change) << path;
  }
}

TEST(HttpRoutes, ACertificateOrOneHeaderSaysWhoCalls) {
  security::Guard guard({.anonymous_role = security::Role::kNone, .certificates = true, .max_delayed_failures = 1});
  guard.Use({{.caller = {.name = "app", .role = security::Role::kInference}, .identity = "app.example"}});
  PuppetApi api;
  api.services.authorize = AuthorizeBy(&guard);
  http::Request request = {.method = "POST", .path = "/v1/classify", .body = kGood};
  request.certificate_names = {"other.example", "app.example"};
  EXPECT_EQ(api.Answer(request).status, 200u);
  request.headers = {{"authorization", "Bearer x"}, {"authorization", "Bearer x"}};
  const http::Response refused = api.Answer(request);
  EXPECT_EQ(BodyOf(refused)["error_type"], "bad_credentials");
  EXPECT_EQ(refused.delay, std::chrono::milliseconds(250));
  EXPECT_EQ(api.Answer(request).delay, std::chrono::milliseconds(0)) << "while another answer waits";
}

TEST(HttpRoutes, EveryRouteIsInTheContractAndNoOther) {
  const auto contract = nlohmann::json::parse(OpenApiJson());
  std::set<std::string> declared, served;
  for (const auto& [path, operations] : contract["paths"].items()) {
    for (const auto& [method, operation] : operations.items()) {
      if (method != "parameters") declared.insert(method + " " + path);
    }
  }
  for (const HttpRoute& route : HttpRoutes()) {
    served.insert((route.method == "GET" ? "get " : "post ") + std::string(route.path));
  }
  EXPECT_EQ(declared, served);
}

TEST(HttpStatusOf, EveryFailureReasonHasOne) {
  using call::FailureReason;
  const std::pair<FailureReason, unsigned> kCases[] = {
      {FailureReason::kBadField, 400},       {FailureReason::kProfileNotReady, 400},
      {FailureReason::kTooManyCalls, 429},   {FailureReason::kDeadlinePassed, 504},
      {FailureReason::kCancelled, 499},      {FailureReason::kLoading, 503},
      {FailureReason::kBackendFailure, 500},
  };
  for (const auto& [reason, status] : kCases) EXPECT_EQ(HttpStatusOf(call::MakeStatus(reason, "")), status);
  EXPECT_EQ(HttpStatusOf(absl::UnauthenticatedError("")), 401u);
  EXPECT_EQ(HttpStatusOf(absl::PermissionDeniedError("")), 403u);
  EXPECT_EQ(HttpStatusOf(absl::NotFoundError("")), 404u);
  EXPECT_EQ(HttpStatusOf(absl::UnimplementedError("")), 501u);
}

TEST(ErrorResponse, ARefusalSaysWhenToTryAgain) {
  const absl::Status refused =
      call::WithRetryDelay(call::MakeStatus(call::FailureReason::kQueueFull, "full"), std::chrono::milliseconds(1200));
  const http::Response response = ErrorResponse(refused, {});
  EXPECT_EQ(response.status, 429u);
  EXPECT_EQ(HeaderOf(response, "Retry-After"), "2");
  EXPECT_EQ(response.body, R"({"error":"full","error_type":"queue_full","retry_after_ms":1200})");
}

TEST(ErrorResponse, ManyProblemsAreCutAndCounted) {
  const absl::Status status = call::MakeStatus(call::FailureReason::kBlankText, "blank");
  const auto body = BodyOf(ErrorResponse(status, std::vector<service::FieldProblem>(150, {"items[0]", status})));
  EXPECT_EQ(body["field_violations"].size(), 100u);
  EXPECT_EQ(body["more_violations"], 50);
}

}  // namespace
}  // namespace roberta::transport
