#include "server/transport/large_bodies.h"

#include <gtest/gtest.h>

#include <future>
#include <string>
#include <thread>
#include <vector>

#include "server/call/failure_reason.h"
#include "tests/server/transport/http_exchange.h"

namespace roberta::transport {
namespace {

/// A task that runs until it is released.
struct Blocking {
  batching::WorkerPool::Task task() {
    return [this] {
      started.set_value();
      released.get_future().wait();
    };
  }
  std::promise<void> started, released;
};

TEST(LargeBodies, WaitForOneAnotherInTheirOrder) {
  std::vector<int> order;
  {
    LargeBodies bodies(100);
    for (int i = 0; i < 3; ++i) EXPECT_TRUE(bodies.Run("peer", 1, [&order, i] { order.push_back(i); }).ok());
  }
  EXPECT_EQ(order, (std::vector<int>{0, 1, 2}));
}

TEST(LargeBodies, OfAPeerAndOfAllOnlySoManyBytesWait) {
  Blocking blocking;
  std::promise<void> free;
  LargeBodies bodies(40);
  EXPECT_TRUE(bodies.Run("a", 9, blocking.task()).ok());
  blocking.started.get_future().wait();
  const auto nothing = [] {};
  EXPECT_TRUE(bodies.Run("a", 20, nothing).ok());  // one body more than a quarter
  const absl::Status refused = bodies.Run("a", 1, [] { ADD_FAILURE() << "a task that was refused"; });
  EXPECT_STREQ(call::ReasonOf(refused), "too_many_calls");
  EXPECT_TRUE(call::RetryDelayOf(refused).has_value());
  EXPECT_TRUE(bodies.Run("b", 10, nothing).ok());
  EXPECT_TRUE(bodies.Run("c", 1, nothing).ok());
  EXPECT_FALSE(bodies.Run("d", 1, nothing).ok());
  blocking.released.set_value();
  while (!bodies.Run("d", 1, [&free] { free.set_value(); }).ok()) std::this_thread::yield();
  free.get_future().wait();
}

TEST(LargeBodies, HoldUpNoSmallOne) {
  Blocking blocking;
  PuppetApi api;
  LargeBodies bodies(1u << 20);
  api.services.large_bodies = &bodies;
  ASSERT_TRUE(bodies.Run("another", 1, blocking.task()).ok());
  const std::string small = R"({"items": [{"text": "good"}]})";
  std::function<void()> gone;
  auto large = api.Send({.method = "POST", .path = "/v1/classify", .body = small + std::string(32u << 10, ' ')}, &gone);
  EXPECT_EQ(api.Post("/v1/classify", small).status, 200u);
  EXPECT_EQ(large.wait_for(std::chrono::seconds(0)), std::future_status::timeout);
  blocking.released.set_value();
  EXPECT_EQ(large.get().status, 200u);
}

TEST(LargeBodies, BeyondTheirLimitsTheyAre429AndNotRead) {
  Blocking blocking;
  PuppetApi api;
  LargeBodies bodies(1u << 20);
  api.services.large_bodies = &bodies;
  ASSERT_TRUE(bodies.Run("peer", 1u << 20, blocking.task()).ok());
  const http::Response refused =
      api.Answer({.method = "POST", .path = "/v1/classify", .body = std::string(32u << 10, 'x'), .peer = "peer"});
  EXPECT_EQ(refused.status, 429u);
  EXPECT_EQ(HeaderOf(refused, "Retry-After"), "1");
  blocking.released.set_value();
}

}  // namespace
}  // namespace roberta::transport
