#include "client/direct_client.h"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <future>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <thread>

#include "tests/client/fake_server.h"

namespace roberta::client {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

std::string RequestOf(const std::string& text) {
  v1::ClassifyRequest request;
  request.add_items()->set_text(text);
  return request.SerializeAsString();
}

/// Starts a call and waits for its answer.
Answer Call(DirectClient* client, const std::string& request, std::chrono::nanoseconds timeout = seconds(60)) {
  std::promise<Answer> promise;
  client->Start(request, timeout, [&](Answer answer) { promise.set_value(std::move(answer)); });
  return promise.get_future().get();
}

grpc::Status Hang(grpc::ServerContext* context, const v1::ClassifyRequest&, v1::ClassifyResponse*) {
  while (!context->IsCancelled()) std::this_thread::sleep_for(milliseconds(1));
  return grpc::Status::CANCELLED;
}

TEST(DirectClient, Classifies) {
  FakeServer server(Echo);
  DirectClient client({.address = server.address()});
  const auto before = std::chrono::steady_clock::now();
  const Answer answer = Call(&client, RequestOf("hello"));
  ASSERT_TRUE(answer.status.ok()) << answer.status;
  EXPECT_EQ(answer.response.results(0).classification().label(), "hello");
  EXPECT_GE(answer.received, before);
}

TEST(DirectClient, ARefusalIsOneAttemptAndItsPushbackIsRead) {
  std::atomic<int> calls{0};
  FakeServer server([&](auto* context, const auto&, auto*) {
    ++calls;
    context->AddTrailingMetadata("grpc-retry-pushback-ms", "250");
    return grpc::Status(grpc::StatusCode::RESOURCE_EXHAUSTED, "full");
  });
  DirectClient client({.address = server.address()});
  const Answer answer = Call(&client, RequestOf("x"));
  EXPECT_TRUE(absl::IsResourceExhausted(answer.status));
  EXPECT_EQ(answer.status.message(), "full");
  EXPECT_EQ(answer.pushback, milliseconds(250));
  EXPECT_EQ(calls, 1);
}

TEST(DirectClient, APushbackThatIsNoNumberIsNone) {
  FakeServer server([&](auto* context, const auto&, auto*) {
    context->AddTrailingMetadata("grpc-retry-pushback-ms", "soon");
    return grpc::Status(grpc::StatusCode::UNAVAILABLE, "draining");
  });
  DirectClient client({.address = server.address()});
  EXPECT_EQ(Call(&client, RequestOf("x")).pushback, std::nullopt);
}

TEST(DirectClient, BytesThatAreNoRequestReachTheServer) {
  FakeServer server(Echo);
  DirectClient client({.address = server.address()});
  EXPECT_FALSE(Call(&client, "\xff\xff\xff").status.ok());
  EXPECT_TRUE(Call(&client, RequestOf("x")).status.ok());
}

TEST(DirectClient, EndsACallAtItsDeadline) {
  FakeServer server(Hang);
  DirectClient client({.address = server.address()});
  EXPECT_TRUE(absl::IsDeadlineExceeded(Call(&client, RequestOf("x"), milliseconds(50)).status));
}

TEST(DirectClient, ADeadlineThatHasPassedIsNotSent) {
  std::atomic<int> calls{0};
  FakeServer server([&](auto* context, const auto& request, auto* response) {
    ++calls;
    return Echo(context, request, response);
  });
  DirectClient client({.address = server.address()});
  EXPECT_TRUE(absl::IsDeadlineExceeded(Call(&client, RequestOf("x"), seconds(0)).status));
  EXPECT_EQ(calls, 0);
}

TEST(DirectClient, CancelEndsOneCallAndNoOther) {
  std::atomic<int> started{0};
  std::atomic<bool> go_on{false};
  FakeServer server([&](auto* context, const auto& request, auto* response) {
    ++started;
    while (!context->IsCancelled() && !go_on) std::this_thread::sleep_for(milliseconds(1));
    return Echo(context, request, response);
  });
  DirectClient client({.address = server.address()});
  std::promise<absl::Status> first, second;
  const CallHandle handle =
      client.Start(RequestOf("x"), seconds(60), [&](const Answer& answer) { first.set_value(answer.status); });
  client.Start(RequestOf("y"), seconds(60), [&](const Answer& answer) { second.set_value(answer.status); });
  while (started < 2) std::this_thread::yield();
  handle.Cancel();
  EXPECT_TRUE(absl::IsCancelled(first.get_future().get()));
  go_on = true;
  EXPECT_TRUE(second.get_future().get().ok());
}

TEST(DirectClient, CancellingAfterTheEndDoesNothing) {
  FakeServer server(Echo);
  std::optional<CallHandle> handle;
  {
    DirectClient client({.address = server.address()});
    std::promise<absl::Status> status;
    handle = client.Start(RequestOf("x"), seconds(60), [&](const Answer& answer) { status.set_value(answer.status); });
    EXPECT_TRUE(status.get_future().get().ok());
    handle->Cancel();
  }
  handle->Cancel();
}

TEST(DirectClient, DestructionWaitsForTheCallsUnderWay) {
  FakeServer server([](auto* context, const auto& request, auto* response) {
    std::this_thread::sleep_for(milliseconds(50));
    return Echo(context, request, response);
  });
  std::atomic<int> answered{0};
  {
    DirectClient client({.address = server.address(), .connections = 2});
    for (int i = 0; i < 8; ++i) {
      client.Start(RequestOf("x"), seconds(60), [&](const Answer& answer) { answered += answer.status.ok(); });
    }
  }
  EXPECT_EQ(answered, 8);
}

TEST(DirectClient, MayGoAsSoonAsItsLastCallIsDone) {
  FakeServer server(Echo);
  // Often, as it takes a thread that is interrupted at the wrong moment to go wrong.
  for (int i = 0; i < 100; ++i) {
    auto client = std::make_unique<DirectClient>(DirectOptions{.address = server.address()});
    EXPECT_TRUE(Call(client.get(), RequestOf("hello")).status.ok());
    client = nullptr;
  }
}

TEST(DirectClient, EveryConnectionIsOneOfItsOwn) {
  std::mutex mutex;
  std::set<std::string> peers;
  FakeServer server([&](auto* context, const auto& request, auto* response) {
    const std::lock_guard<std::mutex> lock(mutex);
    peers.insert(context->peer());
    return Echo(context, request, response);
  });
  DirectClient client({.address = server.address(), .connections = 3});
  for (int i = 0; i < 6; ++i) EXPECT_TRUE(Call(&client, RequestOf("x")).status.ok());
  EXPECT_EQ(peers.size(), 3u);
}

TEST(DirectClient, ConnectingToNobodyIsUnavailable) {
  DirectClient client({.address = "127.0.0.1:1"});
  EXPECT_TRUE(absl::IsUnavailable(client.Connect(milliseconds(200))));
  EXPECT_TRUE(absl::IsUnavailable(Call(&client, RequestOf("x")).status));
}

TEST(DirectClient, ConnectsBeforeTheFirstCall) {
  FakeServer server(Echo);
  DirectClient client({.address = server.address(), .connections = 4});
  EXPECT_TRUE(client.Connect(seconds(60)).ok());
}

}  // namespace
}  // namespace roberta::client
