#include "server/http/server.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netdb.h>

#include <algorithm>
#include <future>
#include <list>
#include <optional>
#include <thread>
#include <vector>

#include "tests/server/http/raw_client.h"

namespace roberta::http {
namespace {

using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

TEST(HttpServer, AnswersSeveralRequestsOfOneConnection) {
  const auto server = StartServer(Echo);
  RawClient client(server->port());
  for (const char* path : {"/a", "/b", "/c"}) {
    client.Send(Get(std::string(path) + "?x=1"));
    const std::string response = client.ReadResponse();
    EXPECT_THAT(response, StartsWith("HTTP/1.1 200 OK\r\nDate: "));
    EXPECT_THAT(response, HasSubstr("\r\nConnection: keep-alive\r\n"));
    EXPECT_THAT(response, EndsWith("\r\n\r\nGET " + std::string(path) + "?x=1 "));
  }
}

TEST(HttpServer, AnswersPipelinedRequestsInTheirOrder) {
  std::vector<std::jthread> threads;
  const auto server = StartServer([&threads](Request request, Responder responder) {
    if (request.path != "/late") return Echo(request, std::move(responder));
    threads.emplace_back([request = std::move(request), responder = std::move(responder)]() mutable {
      std::this_thread::sleep_for(std::chrono::milliseconds(20));
      Echo(request, std::move(responder));
    });
  });
  RawClient client(server->port());
  client.Send(Get("/late") + "\r\n\r\n" + Get("/a") + Get("/late") + Get("/b").substr(0, 20));
  EXPECT_THAT(client.ReadResponse(), EndsWith("GET /late? "));
  EXPECT_THAT(client.ReadResponse(), EndsWith("GET /a? "));
  EXPECT_THAT(client.ReadResponse(), EndsWith("GET /late? "));
  client.Send(Get("/b").substr(20));
  EXPECT_THAT(client.ReadResponse(), EndsWith("GET /b? "));
}

TEST(HttpServer, TakesBodiesByLengthAndInChunks) {
  const auto server = StartServer(Echo);
  RawClient client(server->port());
  const std::string head = "POST /p HTTP/1.1\r\nHost: test\r\n";
  client.Send(head + "Content-Length: 5\r\n\r\nhe");
  client.Send("llo" + head + "Transfer-Encoding: chunked\r\n\r\n3;ext=1\r\nabc\r\n");
  EXPECT_THAT(client.ReadResponse(), EndsWith("POST /p? hello"));
  client.Send("2\r\nde\r\n0\r\nX-Trailer: 1\r\n\r\n");
  EXPECT_THAT(client.ReadResponse(), EndsWith("POST /p? abcde"));
}

TEST(HttpServer, HeadersAreInLowerCaseAndTrailersAreNotAmongThem) {
  std::promise<Headers> got;
  const auto server = StartServer([&got](Request request, Responder responder) {
    got.set_value(request.headers);
    responder.Respond({});
  });
  RawClient client(server->port());
  client.Send(
      "POST / HTTP/1.1\r\nHOST: test\r\nX-Mine:  a b \r\nTransfer-Encoding: Chunked\r\n\r\n0\r\nX-Late: 1\r\n\r\n");
  EXPECT_EQ(got.get_future().get(), (Headers{{"host", "test"}, {"x-mine", "a b"}, {"transfer-encoding", "Chunked"}}));
}

TEST(HttpServer, AProxyMayNameTheWholeAddress) {
  const auto server = StartServer(Echo);
  RawClient client(server->port());
  client.Send(Get("http://test:80/a?b#c") + Get("http://test"));
  EXPECT_THAT(client.ReadResponse(), EndsWith("GET /a?b "));
  EXPECT_THAT(client.ReadResponse(), EndsWith("GET /? "));
}

TEST(HttpServer, AsksForABodyThatTheClientHoldsBack) {
  const auto server = StartServer(Echo);
  RawClient client(server->port());
  client.Send("POST /p HTTP/1.1\r\nHost: test\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n");
  EXPECT_EQ(client.ReadResponse(), "HTTP/1.1 100 Continue\r\n\r\n");
  client.Send("hello");
  EXPECT_THAT(client.ReadResponse(), EndsWith("POST /p? hello"));
}

TEST(HttpServer, AResponseToHeadHasNoBody) {
  const auto server = StartServer(Echo);
  RawClient client(server->port());
  client.Send("HEAD /h HTTP/1.1\r\nHost: test\r\n\r\n");
  const std::string response = client.ReadResponse(false);
  EXPECT_THAT(response, HasSubstr("\r\nContent-Length: 9\r\n"));
  EXPECT_THAT(response, EndsWith("\r\n\r\n"));
  client.Send(Get("/a"));
  EXPECT_THAT(client.ReadResponse(), EndsWith("\r\n\r\nGET /a? "));
}

TEST(HttpServer, ClosesWhereTheClientWantsThat) {
  const auto server = StartServer(Echo);
  for (const std::string& request : {Get("/", "Connection: close\r\n"), std::string("GET / HTTP/1.0\r\n\r\n")}) {
    RawClient client(server->port());
    client.Send(request);
    EXPECT_THAT(client.ReadAll(), HasSubstr("\r\nConnection: close\r\n"));
  }
}

TEST(HttpServer, AHandlerThatDropsItsResponderAnswers500) {
  const auto server = StartServer([](const Request&, const Responder&) {});
  RawClient client(server->port());
  client.Send(Get("/"));
  EXPECT_THAT(client.ReadResponse(), StartsWith("HTTP/1.1 500 "));
}

TEST(HttpServer, ADelayedResponseComesLater) {
  const auto server = StartServer([](const Request&, Responder responder) {
    responder.Respond({.status = 401, .delay = std::chrono::milliseconds(50)});
  });
  RawClient client(server->port());
  const auto start = std::chrono::steady_clock::now();
  client.Send(Get("/"));
  EXPECT_THAT(client.ReadResponse(), StartsWith("HTTP/1.1 401 "));
  EXPECT_GE(std::chrono::steady_clock::now() - start, std::chrono::milliseconds(50));
}

TEST(HttpServer, TellsTheHandlerThatTheClientIsGone) {
  std::promise<void> gone;
  std::optional<Responder> held;
  const auto server = StartServer([&](const Request&, Responder responder) {
    responder.OnGone([&gone] { gone.set_value(); });
    held.emplace(std::move(responder));
  });
  RawClient client(server->port());
  client.Send(Get("/"));
  client.Close();
  gone.get_future().get();
  held->Respond({});
}

TEST(HttpServer, WhoAsksLateLearnsAsWellThatTheClientIsGone) {
  std::promise<Responder> asked;
  const auto server =
      StartServer([&asked](const Request&, Responder responder) { asked.set_value(std::move(responder)); });
  RawClient client(server->port());
  client.Send(Get("/"));
  Responder responder = asked.get_future().get();
  client.Close();
  std::this_thread::sleep_for(std::chrono::milliseconds(20));  // most likely the server has seen it
  std::promise<void> gone;
  responder.OnGone([&gone] { gone.set_value(); });
  gone.get_future().get();
}

TEST(HttpServer, AHeaderOfAResponseCannotAddAnother) {
  const auto server = StartServer([](const Request&, Responder responder) {
    responder.Respond({.headers = {{"X-Good", "1"}, {"X-Bad", "1\r\nSet-Cookie: a"}}});
  });
  RawClient client(server->port());
  client.Send(Get("/"));
  const std::string response = client.ReadResponse();
  EXPECT_THAT(response, HasSubstr("X-Good: 1"));
  EXPECT_THAT(response, Not(HasSubstr("Set-Cookie")));
}

TEST(HttpServer, AnAnswerAfterTheEndOfTheServerDoesNothing) {
  std::promise<Responder> held;
  auto server = StartServer([&](const Request&, Responder responder) { held.set_value(std::move(responder)); });
  RawClient client(server->port());
  client.Send(Get("/"));
  Responder responder = held.get_future().get();
  server.reset();
  responder.Respond({});
  EXPECT_EQ(client.ReadAll(), "");
}

TEST(HttpServer, StopWaitsForWhatIsBeingAnswered) {
  std::promise<Responder> held;
  const auto server = StartServer([&](const Request&, Responder responder) { held.set_value(std::move(responder)); });
  RawClient client(server->port()), idle(server->port()), begun(server->port());
  begun.Send("GET /");
  client.Send(Get("/"));
  Responder responder = held.get_future().get();
  EXPECT_FALSE(server->Stop(std::chrono::milliseconds(20)));
  EXPECT_EQ(idle.ReadAll(), "");
  EXPECT_EQ(begun.ReadAll(), "");
  responder.Respond({.body = "answered"});
  const std::string response = client.ReadAll();
  EXPECT_THAT(response, HasSubstr("\r\nConnection: close\r\n"));
  EXPECT_THAT(response, EndsWith("answered"));
  client.Close();
  EXPECT_TRUE(server->Stop(std::chrono::minutes(1)));
  EXPECT_EQ(server->connections(), 0u);
}

TEST(HttpServer, AServerThatDrainsAnswersNewConnectionsOnce) {
  const auto server = StartServer(Echo);
  RawClient idle(server->port());
  idle.Send(Get("/"));
  idle.ReadResponse();
  server->Drain();
  EXPECT_EQ(idle.ReadAll(), "");
  RawClient late(server->port());
  late.Send(Get("/late"));
  EXPECT_THAT(late.ReadAll(), EndsWith("GET /late? "));
}

TEST(HttpServer, PostedTasksRunOnItsThread) {
  std::promise<std::thread::id> of_handler, of_task;
  const auto server = StartServer([&](const Request&, Responder responder) {
    of_handler.set_value(std::this_thread::get_id());
    responder.Respond({});
  });
  RawClient client(server->port());
  client.Send(Get("/"));
  server->Post([&] { of_task.set_value(std::this_thread::get_id()); });
  EXPECT_EQ(of_handler.get_future().get(), of_task.get_future().get());
}

TEST(HttpServer, ConnectionsAndPipelinedRequestsOfAPeerWaitForThoseOfOthers) {
  constexpr int kConnections = 8;
  std::vector<std::string> paths;
  const auto server = StartServer([&paths](const Request& request, Responder responder) {
    paths.push_back(request.path);
    responder.Respond({});
  });
  std::list<RawClient> many;
  for (int i = 0; i < kConnections; ++i) many.emplace_back(server->port());
  RawClient other(server->port(), 0, "127.0.0.2");
  for (RawClient* client : {&many.back(), &other}) {  // so that all are accepted
    client->Send(Get("/"));
    client->ReadResponse();
  }
  std::promise<void> begun, sent;
  server->Post([&] {
    paths.clear();
    begun.set_value();
    sent.get_future().wait();
  });
  begun.get_future().wait();
  for (RawClient& client : many) client.Send(Get("/many") + Get("/many"));
  other.Send(Get("/other") + Get("/other"));
  sent.set_value();
  for (int i = 0; i < 2; ++i) {
    for (RawClient& client : many) client.ReadResponse();
    other.ReadResponse();
  }
  std::promise<std::vector<std::string>> all;
  server->Post([&] { all.set_value(paths); });
  const std::vector<std::string> order = all.get_future().get();
  EXPECT_EQ(order.size(), 2 * kConnections + 2);
  EXPECT_GT(std::find(order.rbegin(), order.rend(), "/other") - order.rbegin(), kConnections);
}

TEST(HttpServer, APortInUseIsAnErrorThatNamesIt) {
  const auto first = StartServer(Echo);
  const auto second = Server::Start({.port = first->port(), .purpose = "for a test"}, Echo);
  EXPECT_EQ(second.status().code(), absl::StatusCode::kAlreadyExists);
  EXPECT_EQ(second.status().message(),
            "cannot listen on 127.0.0.1:" + std::to_string(first->port()) + " for a test: Address already in use");
}

TEST(HttpServer, AHostThatIsNoneIsAnErrorThatNamesIt) {
  const auto server = Server::Start({.host = "999.1.1.1", .purpose = "for a test"}, Echo);
  EXPECT_EQ(server.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(server.status().message()), StartsWith("cannot listen on 999.1.1.1:0 for a test: "));
}

TEST(HttpServer, ANameIsServedOnAllOfItsAddresses) {
  const auto server = StartServer(Echo, {.host = "localhost"});
  addrinfo hints = {};
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  ASSERT_EQ(getaddrinfo("localhost", std::to_string(server->port()).c_str(), &hints, &found), 0);
  for (const addrinfo* address = found; address != nullptr; address = address->ai_next) {
    const int client = socket(address->ai_family, SOCK_STREAM, 0);
    EXPECT_EQ(connect(client, address->ai_addr, address->ai_addrlen), 0) << address->ai_family;
    close(client);
  }
  freeaddrinfo(found);
}

}  // namespace
}  // namespace roberta::http
