#include "server/service/parked_refusals.h"

#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <thread>
#include <vector>

#include "server/call/failure_reason.h"
#include "server/service/unary_call.h"
#include "tests/server/service/puppet_server.h"

namespace roberta::service {
namespace {

using namespace std::chrono_literals;
using Clock = ParkedRefusals::Clock;

constexpr Clock::time_point kNever = Clock::time_point::max();

/// Parked refusals whose clock and thread the test is, one of which may leave in 10 ms after the first two.
struct HandDriven {
  explicit HandDriven(size_t capacity = 100)
      : parked({capacity, /*capacity_per_connection=*/20, 10ms, [this] { return now; }, /*own_thread=*/false}) {
    Refuse();
    Refuse();
    EXPECT_EQ(ended, 2);
  }

  std::shared_ptr<ClassifyCall> Refuse(Clock::time_point deadline = kNever, std::chrono::milliseconds delay = 1ms,
                                       size_t connection = 0) {
    auto call = PuppetServer::Call({"a text"});
    call->outcome.status =
        call::WithRetryDelay(call::MakeStatus(call::FailureReason::kPredictedTooLate, "too late"), delay);
    call->done = [this](CallOutcome& outcome) { ++ended, last = outcome.status; };
    parked.Park(*call, deadline, connection, call->cancelled);
    return call;
  }
  void Pass(std::chrono::milliseconds time) {
    now += time;
    parked.LetGo();
  }

  Clock::time_point now{1h};
  int ended = 0;
  absl::Status last;
  ParkedRefusals parked;
};

TEST(ParkedRefusals, EachLeavesInItsTurn) {
  HandDriven test;
  for (int i = 0; i < 5; ++i) test.Refuse();
  EXPECT_EQ(test.ended, 2);
  EXPECT_EQ(test.parked.waiting(), 5u);
  for (int left = 1; left <= 5; ++left) {
    test.Pass(10ms);
    EXPECT_EQ(test.ended, 2 + left);
  }
  EXPECT_EQ(test.parked.waiting(), 0u);
}

TEST(ParkedRefusals, TheRetryDelayNamesTheWaitAndWhatIsLeftOfIt) {
  HandDriven test;
  test.Refuse(kNever, 500ms);
  test.Refuse();
  test.Pass(12ms);
  EXPECT_EQ(test.ended, 3);
  EXPECT_EQ(call::RetryDelayOf(test.last), 488ms);
  test.Pass(12ms);
  EXPECT_EQ(test.ended, 4);
  EXPECT_EQ(call::RetryDelayOf(test.last), 1ms);
  EXPECT_EQ(std::string(call::ReasonOf(test.last)), "predicted_too_late");
}

TEST(ParkedRefusals, ARefusalReachesItsCallerBeforeTheDeadline) {
  HandDriven test;
  for (int i = 0; i < 20; ++i) test.Refuse(test.now + 100ms);
  test.Pass(84ms);
  EXPECT_EQ(test.ended, 2 + 8);
  test.Pass(8ms);
  EXPECT_EQ(test.ended, 2 + 20);
}

TEST(ParkedRefusals, ThoseForWhichThereIsNoRoomLeaveAtOnce) {
  HandDriven test(3);
  for (int i = 0; i < 5; ++i) test.Refuse();
  EXPECT_EQ(test.ended, 2 + 2);
  EXPECT_EQ(test.parked.waiting(), 3u);
  EXPECT_GE(*call::RetryDelayOf(test.last), 40ms);
}

TEST(ParkedRefusals, AConnectionKeepsRoomForOtherCalls) {
  HandDriven test;
  for (int i = 0; i < 30; ++i) test.Refuse(kNever, 1ms, 7);
  EXPECT_EQ(test.parked.waiting(), 20u);
  test.Refuse(kNever, 1ms, 8);
  EXPECT_EQ(test.parked.waiting(), 21u);
  test.Pass(1h);
  for (int i = 0; i < 30; ++i) test.Refuse(kNever, 1ms, 7);
  EXPECT_EQ(test.parked.waiting(), 20u);
}

TEST(ParkedRefusals, ACallThatIsGivenUpLeavesAtOnce) {
  HandDriven test;
  auto first = test.Refuse();
  auto second = test.Refuse();
  second->Cancel();
  EXPECT_EQ(test.ended, 3);
  second->Cancel();
  EXPECT_EQ(test.ended, 3);
  EXPECT_EQ(test.parked.waiting(), 1u);
  test.Pass(1s);
  EXPECT_EQ(test.ended, 4);
  first->Cancel();
  EXPECT_EQ(test.ended, 4);
}

TEST(ParkedRefusals, ACallThatWasGivenUpBeforeDoesNotWait) {
  HandDriven test;
  auto call = PuppetServer::Call({"a text"});
  call->outcome.status = call::WithRetryDelay(call::MakeStatus(call::FailureReason::kQueueFull, "full"), 1ms);
  call->done = [&](CallOutcome&) { ++test.ended; };
  call->Cancel();
  test.parked.Park(*call, kNever, call->connection, call->cancelled);
  EXPECT_EQ(test.ended, 3);
}

TEST(ParkedRefusals, OneThatWaitsHoldsNeitherAPermitNorItsMessage) {
  admission::Permits permits(1);
  HandDriven test;
  auto call = PuppetServer::Call({"a text"});
  call->permit = permits.TryAdmit().permit;
  call->outcome.status = call::WithRetryDelay(call::MakeStatus(call::FailureReason::kQueueFull, "full"), 1ms);
  call->done = [](CallOutcome&) {};
  test.parked.Park(*call, kNever, call->connection, call->cancelled);
  EXPECT_EQ(test.parked.waiting(), 1u);
  EXPECT_EQ(permits.in_flight(), 0u);
  EXPECT_EQ(call->request.items_size(), 0);
  test.parked.Close();
}

TEST(ParkedRefusals, AStopLetsAllLeave) {
  HandDriven test;
  for (int i = 0; i < 5; ++i) test.Refuse();
  test.parked.Close();
  EXPECT_EQ(test.ended, 7);
  test.Refuse();
  EXPECT_EQ(test.ended, 8);
}

TEST(ParkedRefusals, MoreThanTheWheelHasTicksPassAndNoneIsForgotten) {
  HandDriven test;
  for (int i = 0; i < 300; ++i) test.Refuse();
  test.Pass(1h);
  EXPECT_EQ(test.ended, 302);
  test.Refuse();
  EXPECT_EQ(test.ended, 303);
}

TEST(ParkedRefusals, EachEndsOnceWhateverHappensAtATime) {
  std::atomic<int> ended{0};
  std::vector<std::shared_ptr<ClassifyCall>> calls(2000);
  {
    ParkedRefusals parked({.capacity = 1000, .interval = 50us});
    for (auto& call : calls) {
      call = PuppetServer::Call({"a text"});
      call->outcome.status = call::WithRetryDelay(call::MakeStatus(call::FailureReason::kQueueFull, "full"), 1ms);
      call->done = [&](CallOutcome&) { ++ended; };
    }
    std::thread cancels([&] {
      for (size_t i = 0; i < calls.size(); i += 3) calls[i]->Cancel();
    });
    for (auto& call : calls) parked.Park(*call, kNever, call->connection, call->cancelled);
    cancels.join();
  }
  EXPECT_EQ(ended, 2000);
}

TEST(ParkedRefusals, ARefusedCallOfAServerWaits) {
  HandDriven test;
  PuppetServer server(std::make_shared<PuppetProfile>(), /*capacity=*/0);
  Parts parts = server.parts;
  parts.refusals = &test.parked;
  Classification classification(parts);
  auto call = PuppetServer::Call({"a text"});
  std::optional<absl::Status> status;
  call->done = [&](CallOutcome& outcome) { status = outcome.status; };
  classification.Start(call);
  EXPECT_FALSE(status.has_value());
  test.Pass(20ms);
  ASSERT_TRUE(status.has_value());
  EXPECT_EQ(std::string(call::ReasonOf(*status)), "too_many_calls");
}

}  // namespace
}  // namespace roberta::service
