// The whole service, but for gRPC, under three times the calls that it can answer.
#include <gtest/gtest.h>

#include <chrono>
#include <future>
#include <string>
#include <thread>
#include <vector>

#include "server/call/failure_reason.h"
#include "tests/server/service/puppet_server.h"

namespace roberta::service {

using call::ReasonOf;
using call::RetryDelayOf;
namespace {

using namespace std::chrono_literals;

struct Books {
  size_t sent = 0, answered = 0, refused = 0, without_advice = 0, late = 0, other = 0;
};

/// Sends calls of 3 tokens for a while, three times as many as a profile with this cost answers, and counts their ends.
Books Overload(std::chrono::microseconds per_batch, std::chrono::microseconds per_token) {
  PuppetServer server(std::make_shared<PuppetProfile>([=](const encoder::PackedBatch& batch, absl::Span<float> logits) {
                        std::this_thread::sleep_for(per_batch + per_token * batch.tokens());
                        return PuppetProfile::CountTokens(batch, logits);
                      }),
                      4096);
  const auto gap = (per_batch + 15 * per_token) / (3 * 5);  // a batch has 5 calls
  std::vector<std::future<CallOutcome>> outcomes;
  auto next = std::chrono::steady_clock::now();
  for (int i = 0; i < 3000; ++i, next += gap) {
    std::this_thread::sleep_until(next);
    auto call = PuppetServer::Call({"good"});
    call->deadline = std::chrono::system_clock::now() + 400ms;
    outcomes.push_back(server.Start(call));
  }
  Books books = {.sent = outcomes.size()};
  for (std::future<CallOutcome>& future : outcomes) {
    const CallOutcome outcome = future.get();
    const std::string reason = ReasonOf(outcome.status);
    if (outcome.status.ok()) {
      ++books.answered;
    } else if (reason == "predicted_too_late") {
      ++books.refused;
      books.without_advice += !RetryDelayOf(outcome.status).has_value();
    } else if (reason == "deadline_passed") {
      ++books.late;
    } else {
      ++books.other;
    }
  }
  return books;
}

TEST(ServiceOverload, EveryCallIsAnsweredOrRefusedInGoodTime) {
  const Books books = Overload(1ms, 500us);
  EXPECT_EQ(books.sent, books.answered + books.refused + books.late);
  EXPECT_EQ(books.other, 0u);
  EXPECT_GT(books.refused, books.sent / 4);
  EXPECT_EQ(books.without_advice, 0u);
  // Without a prediction all that are let in are late. How few are when nothing else holds up the executor and this
  // thread, the simulated clock of admission's Overload tests says.
  EXPECT_LT(books.late, books.answered);
}

}  // namespace
}  // namespace roberta::service
