#include "client/client.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <future>
#include <memory>
#include <thread>
#include <vector>

#include "tests/client/fake_server.h"

namespace roberta::client {
namespace {

using std::chrono::seconds;
using ::testing::HasSubstr;

v1::ClassifyRequest RequestOf(const std::string& text) {
  v1::ClassifyRequest request;
  request.add_items()->set_text(text);
  return request;
}

/// A call that waits until its client gives up.
grpc::Status Hang(grpc::ServerContext* context, const v1::ClassifyRequest&, v1::ClassifyResponse*) {
  while (!context->IsCancelled()) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  return grpc::Status::CANCELLED;
}

TEST(Client, Classifies) {
  FakeServer server(Echo);
  Client client({.address = server.address()});
  const auto response = client.Classify(RequestOf("hello"), seconds(60));
  ASSERT_TRUE(response.ok()) << response.status();
  EXPECT_EQ(response->results(0).classification().label(), "hello");
}

TEST(Client, ClassifiesWithoutWaiting) {
  FakeServer server(Echo);
  Client client({.address = server.address()});
  std::promise<absl::StatusOr<v1::ClassifyResponse>> promise;
  client.StartClassify(RequestOf("hello"), seconds(60), [&](auto response) { promise.set_value(std::move(response)); });
  const auto response = promise.get_future().get();
  ASSERT_TRUE(response.ok()) << response.status();
  EXPECT_EQ(response->results(0).classification().label(), "hello");
}

TEST(Client, ATimeoutThatIsNotPositiveIsRefused) {
  Client client({});
  EXPECT_TRUE(absl::IsInvalidArgument(client.Classify(RequestOf("x"), seconds(0)).status()));
  EXPECT_TRUE(absl::IsInvalidArgument(client.CheckHealth("", seconds(-1)).status()));
  bool refused = false;
  client.StartClassify(RequestOf("x"), seconds(0), [&](auto response) { refused = !response.ok(); });
  EXPECT_TRUE(refused);
}

TEST(Client, EndsACallAtItsDeadline) {
  FakeServer server(Hang);
  Client client({.address = server.address()});
  const auto response = client.Classify(RequestOf("x"), std::chrono::milliseconds(50));
  EXPECT_TRUE(absl::IsDeadlineExceeded(response.status())) << response.status();
}

TEST(Client, TriesAgainWhenTheServerIsFullForAMoment) {
  std::atomic<int> calls{0};
  FakeServer server([&](auto* context, const auto& request, auto* response) {
    if (++calls < 3) return grpc::Status(grpc::StatusCode::RESOURCE_EXHAUSTED, "full");
    return Echo(context, request, response);
  });
  Client client({.address = server.address()});
  EXPECT_TRUE(client.Classify(RequestOf("x"), seconds(60)).ok());
  EXPECT_EQ(calls, 3);
}

TEST(Client, DoesNotRepeatWhatWouldFailAgain) {
  std::atomic<int> calls{0};
  FakeServer server([&](auto*, const auto&, auto*) {
    ++calls;
    return grpc::Status(grpc::StatusCode::FAILED_PRECONDITION, "gate failed");
  });
  Client client({.address = server.address()});
  const auto response = client.Classify(RequestOf("x"), seconds(60));
  EXPECT_TRUE(absl::IsFailedPrecondition(response.status()));
  EXPECT_EQ(response.status().message(), "gate failed");
  EXPECT_EQ(calls, 1);
}

TEST(Client, AServerThatIsNotThereIsUnavailable) {
  Client client({.address = "127.0.0.1:1"});
  EXPECT_TRUE(absl::IsUnavailable(client.Classify(RequestOf("x"), seconds(60)).status()));
}

TEST(Client, ReadsTheViolationsOfABadRequest) {
  FakeServer server([](auto*, const auto&, auto*) {
    google::rpc::BadRequest bad;
    auto* violation = bad.add_field_violations();
    violation->set_field("items[3].text");
    violation->set_description("the text is blank");
    google::rpc::Status rich;
    rich.add_details()->PackFrom(bad);
    return grpc::Status(grpc::StatusCode::INVALID_ARGUMENT, "1 bad item", rich.SerializeAsString());
  });
  Client client({.address = server.address()});
  const auto violations = FieldViolations(client.Classify(RequestOf(""), seconds(60)).status());
  ASSERT_EQ(violations.size(), 1u);
  EXPECT_EQ(violations[0].field, "items[3].text");
  EXPECT_EQ(violations[0].description, "the text is blank");
}

TEST(Client, AFailureReportsWhatTheServerCallsTheRequest) {
  FakeServer server([](auto* context, const auto&, auto*) {
    context->AddTrailingMetadata("x-request-id", "4711");
    return grpc::Status(grpc::StatusCode::FAILED_PRECONDITION, "gate failed");
  });
  Client client({.address = server.address()});
  EXPECT_EQ(RequestId(client.Classify(RequestOf("x"), seconds(60)).status()), "4711");
  std::promise<absl::Status> promise;
  client.StartClassify(RequestOf("x"), seconds(60), [&](auto response) { promise.set_value(response.status()); });
  EXPECT_EQ(RequestId(promise.get_future().get()), "4711");
}

TEST(Client, AFailureThatNoServerAnsweredHasNoRequestId) {
  Client client({.address = "127.0.0.1:1"});
  EXPECT_EQ(RequestId(client.Classify(RequestOf("x"), seconds(60)).status()), "");
}

TEST(Client, AStatusWithoutDetailsHasNoViolations) {
  EXPECT_TRUE(FieldViolations(absl::InvalidArgumentError("no")).empty());
}

TEST(Client, CancelCallsEndsThoseUnderWay) {
  std::atomic<bool> started{false};
  FakeServer server([&](auto* context, const auto& request, auto* response) {
    started = true;
    return Hang(context, request, response);
  });
  Client client({.address = server.address()});
  std::promise<absl::Status> promise;
  client.StartClassify(RequestOf("x"), seconds(60), [&](auto response) { promise.set_value(response.status()); });
  while (!started) std::this_thread::yield();
  client.CancelCalls();
  EXPECT_TRUE(absl::IsCancelled(promise.get_future().get()));
}

TEST(Client, DestructionEndsCallsUnderWay) {
  FakeServer server(Hang);
  std::atomic<int> ended{0};
  {
    Client client({.address = server.address()});
    for (int i = 0; i < 8; ++i) client.StartClassify(RequestOf("x"), seconds(60), [&](auto) { ++ended; });
  }
  EXPECT_EQ(ended, 8);
}

TEST(Client, MayGoAsSoonAsItsLastCallIsDone) {
  // Holds up the end of the call on gRPC's thread while the client goes on this one. Had the call outlived the client,
  // it would take the last channel down from within gRPC's threads, which ends the program or harms its memory.
  struct SlowToGo {
    ~SlowToGo() {
      std::this_thread::sleep_for(std::chrono::milliseconds(20));
      *gone = true;
    }
    std::atomic<bool>* gone;
  };
  FakeServer server(Echo);
  for (int i = 0; i < 3; ++i) {
    auto client = std::make_unique<Client>(ClientOptions{.address = server.address()});
    std::promise<absl::Status> done;
    std::atomic<bool> gone{false};
    auto slow = std::make_unique<SlowToGo>(&gone);
    client->StartClassify(RequestOf("hello"), seconds(60),
                          [&, slow = std::move(slow)](auto answer) { done.set_value(answer.status()); });
    EXPECT_TRUE(done.get_future().get().ok());
    client = nullptr;
    EXPECT_TRUE(gone) << "the client went before its call";
  }
}

TEST(Client, ManyThreadsShareIt) {
  FakeServer server(Echo);
  Client client({.address = server.address()});
  std::vector<std::thread> threads;
  std::atomic<int> right{0};
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < 25; ++i) {
        const std::string text = std::to_string(t * 100 + i);
        const auto response = client.Classify(RequestOf(text), seconds(60));
        right += response.ok() && response->results(0).classification().label() == text;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(right, 100);
}

TEST(Client, HealthOfServices) {
  FakeServer server(Echo);
  Client client({.address = server.address()});
  EXPECT_EQ(*client.CheckHealth("", seconds(60)), Health::kServing);
  EXPECT_EQ(*client.CheckHealth("no.such.Service", seconds(60)), Health::kServiceUnknown);
}

TEST(Client, WatchesHealthUntilSatisfied) {
  FakeServer server(Echo);
  Client client({.address = server.address()});
  std::vector<Health> seen;
  const absl::Status status = client.WatchHealth("", seconds(60), [&](Health health) {
    seen.push_back(health);
    if (seen.size() == 1) server.server().GetHealthCheckService()->SetServingStatus("", false);
    return seen.size() < 2;
  });
  EXPECT_TRUE(status.ok()) << status;
  EXPECT_EQ(seen, (std::vector<Health>{Health::kServing, Health::kNotServing}));
}

}  // namespace
}  // namespace roberta::client
