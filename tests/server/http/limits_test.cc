#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <thread>
#include <vector>

#include "tests/server/http/raw_client.h"

// What clients that mean harm, or are broken, get.
namespace roberta::http {
namespace {

using std::chrono::milliseconds;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::StartsWith;

/// The response to `bytes`, after which the connection must end.
std::string AnswerTo(const Server& server, const std::string& bytes) {
  RawClient client(server.port());
  client.Send(bytes);
  return client.ReadAll();
}

const std::string kPost = "POST / HTTP/1.1\r\nHost: test\r\n";

TEST(HttpLimits, WhatIsNotHttpIs400) {
  const auto server = StartServer(Echo);
  for (const std::string& garbage : {
           std::string("garbage\r\n\r\n"),
           std::string("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 11),  // the beginning of TLS
           std::string("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
           std::string("POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
           std::string("GET / HTTP/1.1\r\n\r\n"),  // no Host
           std::string("GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n"),
           std::string("GET / HTTP/1.1\r\nHost : a\r\n\r\n"),
           std::string("GET /\x01 HTTP/1.1\r\nHost: a\r\n\r\n"),
           kPost + "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
           kPost + "Transfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n0\r\n\r\n",
           kPost + "Content-Length: 3\r\nContent-Length: 4\r\n\r\nabcd",
           kPost + "Content-Length: -1\r\n\r\n",
           kPost + "Content-Length: 99999999999999999999999\r\n\r\n",
           kPost + "Transfer-Encoding: chunked\r\n\r\nnumber\r\n",
           kPost + "Transfer-Encoding: chunked\r\n\r\n1;" + std::string(50000, 'x'),
       }) {
    EXPECT_THAT(AnswerTo(*server, garbage), StartsWith("HTTP/1.1 400 ")) << garbage.substr(0, 100);
  }
}

TEST(HttpLimits, CodingsAndExpectationsThatAreNotKnownAreRefused) {
  const auto server = StartServer(Echo);
  EXPECT_THAT(AnswerTo(*server, kPost + "Transfer-Encoding: gzip, chunked\r\n\r\n"), StartsWith("HTTP/1.1 501 "));
  EXPECT_THAT(AnswerTo(*server, kPost + "Transfer-Encoding: identity\r\n\r\n"), StartsWith("HTTP/1.1 501 "));
  EXPECT_THAT(AnswerTo(*server, kPost + "Expect: a-miracle\r\n\r\n"), StartsWith("HTTP/1.1 417 "));
}

TEST(HttpLimits, OnLoopbackANameThatAPageMadeResolveToItIs421) {
  const auto server = StartServer(Echo, {.only_loopback = true});
  for (const char* host : {"evil.example:8000", "evil.example", "127.0.0.1.evil.example", "localhost.evil:8000",
                           "[::2]:8000", "128.0.0.1", "127.1", ""}) {
    for (const char* begin : {"GET / HTTP/1.1\r\nHost: ", "POST / HTTP/1.1\r\nContent-Length: 1\r\nHost: "}) {
      EXPECT_THAT(AnswerTo(*server, begin + std::string(host) + "\r\n\r\n"), StartsWith("HTTP/1.1 421 ")) << host;
    }
  }
  for (const char* host : {"localhost:8000", "LOCALHOST", "127.0.0.1:8000", "127.8.9.10", "[::1]:8000", "[::1]"}) {
    RawClient client(server->port());
    client.Send("GET / HTTP/1.1\r\nHost: " + std::string(host) + "\r\n\r\n");
    EXPECT_THAT(client.ReadResponse(), StartsWith("HTTP/1.1 200 ")) << host;
  }
  EXPECT_THAT(AnswerTo(*server, "GET / HTTP/1.0\r\n\r\n"), StartsWith("HTTP/1.1 200 ")) << "no browser sends that";
}

TEST(HttpLimits, ALargeBodyIs413HoweverItComes) {
  const auto server = StartServer(Echo, {.max_body_bytes = 100});
  EXPECT_THAT(AnswerTo(*server, kPost + "Content-Length: 101\r\n\r\n" + std::string(101, 'x')),
              EndsWith("the body is larger than 100 bytes\n"));
  EXPECT_THAT(AnswerTo(*server, kPost + "Expect: 100-continue\r\nContent-Length: 101\r\n\r\n"),
              StartsWith("HTTP/1.1 413 "));
  std::string chunks = kPost + "Transfer-Encoding: chunked\r\n\r\n";
  for (int i = 0; i < 101; ++i) chunks += "1\r\nx\r\n";
  EXPECT_THAT(AnswerTo(*server, chunks), StartsWith("HTTP/1.1 413 "));
  RawClient client(server->port());
  client.Send(kPost + "Content-Length: 100\r\n\r\n" + std::string(100, 'x'));
  EXPECT_THAT(client.ReadResponse(), StartsWith("HTTP/1.1 200 "));
}

TEST(HttpLimits, ALargeHeadIs431HoweverItComes) {
  const auto server = StartServer(Echo, {.max_head_bytes = 1000});
  EXPECT_THAT(AnswerTo(*server, Get("/" + std::string(1000, 'x'))), StartsWith("HTTP/1.1 431 "));
  EXPECT_THAT(AnswerTo(*server, Get("/", "X: " + std::string(1000, 'x') + "\r\n")), StartsWith("HTTP/1.1 431 "));
  std::string headers;
  for (int i = 0; i < 200; ++i) headers += "X: 1\r\n";
  EXPECT_THAT(AnswerTo(*server, Get("/", headers)), StartsWith("HTTP/1.1 431 "));
  RawClient dripping(server->port());
  dripping.Send("GET / HTTP/1.1\r\nHost: a\r\n");
  for (int i = 0; i < 300 && dripping.Send("X: 1\r\n"); ++i) std::this_thread::sleep_for(milliseconds(1));
  EXPECT_THAT(dripping.ReadAll(), StartsWith("HTTP/1.1 431 "));
}

TEST(HttpLimits, AfterAnErrorNotMuchMoreIsReadAndTheAnswerArrives) {
  constexpr size_t kMost = 64u << 20;  // what the system keeps for a connection, and more
  const auto server = StartServer(Echo, {.max_head_bytes = 1000});
  RawClient client(server->port());
  const std::string more(1u << 20, 'x');
  size_t sent = 0;
  while (sent < kMost && client.Send(more)) sent += more.size();
  EXPECT_LT(sent, kMost);
  EXPECT_THAT(client.ReadAll(), StartsWith("HTTP/1.1 4"));
}

TEST(HttpLimits, BodiesThatNeverEndHaveABoundTogether) {
  const auto server = StartServer(Echo, {.max_buffered_bytes = 10000});
  const std::string begun = kPost + "Content-Length: 9000\r\n\r\n" + std::string(6000, 'x');
  RawClient first(server->port()), second(server->port());
  first.Send(begun);
  second.Send(begun);
  // Whichever comes last is refused.
  std::string answers;
  std::jthread ends([&] { answers = second.ReadAll(); });
  std::this_thread::sleep_for(milliseconds(50));
  first.EndSending();
  const std::string of_first = first.ReadAll();
  second.EndSending();
  ends.join();
  EXPECT_THAT(of_first + answers, HasSubstr("HTTP/1.1 503 "));
  RawClient third(server->port());
  third.Send(begun + std::string(3000, 'x'));
  EXPECT_THAT(third.ReadResponse(), HasSubstr("POST /? xxx"));
}

/// Sends a byte now and then until the server has had enough, and returns what it says.
std::string Drip(const Server& server, const std::string& begin) {
  RawClient client(server.port());
  client.Send(begin);
  std::jthread dripping([&client](const std::stop_token& stop) {
    while (!stop.stop_requested() && client.Send("1")) std::this_thread::sleep_for(milliseconds(5));
  });
  std::string answer = client.ReadAll();
  dripping.request_stop();
  dripping.join();
  return answer;
}

TEST(HttpLimits, SlowHeadsAndBodiesAre408HoweverSteadilyTheyDrip) {
  std::atomic<int> timeouts{0};
  const auto server = StartServer(Echo, {.head_timeout = milliseconds(100),
                                         .body_timeout = milliseconds(100),
                                         .on_refusal = [&](Refusal why) { timeouts += why == Refusal::kTimeout; }});
  EXPECT_THAT(Drip(*server, "GET /"), StartsWith("HTTP/1.1 408 "));
  EXPECT_THAT(Drip(*server, kPost + "Content-Length: 100000\r\n\r\n"), StartsWith("HTTP/1.1 408 "));
  EXPECT_EQ(timeouts, 2);
}

TEST(HttpLimits, IdleConnectionsAreClosed) {
  const auto server = StartServer(Echo, {.idle_timeout = milliseconds(50)});
  RawClient silent(server->port()), used(server->port());
  used.Send(Get("/"));
  used.ReadResponse();
  EXPECT_EQ(silent.ReadAll(), "");
  EXPECT_EQ(used.ReadAll(), "");
}

TEST(HttpLimits, AClientThatDoesNotReadIsCutOff) {
  const std::string large(32u << 20, 'x');
  const auto server = StartServer([&large](const Request&, Responder responder) { responder.Respond({.body = large}); },
                                  {.write_timeout = milliseconds(100)});
  RawClient client(server->port(), 4096);
  client.Send(Get("/"));
  while (server->connections() == 0) std::this_thread::yield();
  while (server->connections() > 0) std::this_thread::sleep_for(milliseconds(5));
  EXPECT_LT(client.ReadAll().size(), large.size());
}

TEST(HttpLimits, MoreConnectionsThanAllowedAreClosedAtOnce) {
  std::vector<Refusal> refusals;
  for (const bool of_peer : {false, true}) {
    Options options = {.on_refusal = [&](Refusal why) { refusals.push_back(why); }};
    (of_peer ? options.max_connections_per_peer : options.max_connections) = 2;
    const auto server = StartServer(Echo, std::move(options));
    RawClient first(server->port()), second(server->port());
    first.Send(Get("/"));
    first.ReadResponse();
    second.Send(Get("/"));
    second.ReadResponse();
    RawClient third(server->port());
    EXPECT_EQ(third.ReadAll(), "");
    first.Close();
    while (server->connections() == 2) std::this_thread::yield();
    RawClient fourth(server->port());
    fourth.Send(Get("/"));
    EXPECT_THAT(fourth.ReadResponse(), StartsWith("HTTP/1.1 200 "));
  }
  EXPECT_EQ(refusals, (std::vector<Refusal>{Refusal::kTooManyConnections, Refusal::kTooManyOfPeer}));
}

TEST(HttpLimits, ErrorsLookAsTheOwnerWants) {
  const auto server =
      StartServer(Echo, {.error_response = [](unsigned status, std::string_view sentence) {
                    return Response{.status = status, .content_type = "x/y", .body = "<" + std::string(sentence) + ">"};
                  }});
  const std::string answer = AnswerTo(*server, "GET / HTTP/1.1\r\n\r\n");
  EXPECT_THAT(answer, HasSubstr("\r\nContent-Type: x/y\r\n"));
  EXPECT_THAT(answer, EndsWith("<a request must have one Host header>"));
}

}  // namespace
}  // namespace roberta::http
