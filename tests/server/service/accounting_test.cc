#include <gtest/gtest.h>

#include <future>
#include <memory>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "tests/server/metrics/exposition.h"
#include "tests/server/service/puppet_server.h"

namespace roberta::service {

using call::FailureReason;
using call::MakeStatus;
namespace {

using metrics::SumOf;

/// Every kind of end that a call can have, one after another and some at the same time, through one server.
class AccountingTest : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    page_ = new std::string();
    std::promise<void> entered, release;
    int runs = 0;
    PuppetServer server(
        std::make_shared<PuppetProfile>([&](const encoder::PackedBatch& batch, absl::Span<float> logits) {
          if (runs++ == 0) {
            entered.set_value();
            release.get_future().wait();
          }
          return PuppetProfile::CountTokens(batch, logits);
        }),
        4, {.capacity_items = 4});
    std::vector<std::future<CallOutcome>> ends;
    ends.push_back(server.Start(PuppetServer::Call({"good"})));  // is answered
    entered.get_future().wait();
    auto cancelled = PuppetServer::Call({"good"});
    ends.push_back(server.StartWaiting(cancelled));
    auto expired = PuppetServer::Call({"bad", "good"});
    expired->deadline = std::chrono::system_clock::now() + std::chrono::seconds(2);  // time enough to enter the queue
    ends.push_back(server.StartWaiting(expired));
    ends.push_back(server.Start(PuppetServer::Call({"good", "bad"})));  // the queue is full
    while (server.permits.in_flight() > 3) std::this_thread::yield();
    ends.push_back(server.StartWaiting(PuppetServer::Call({"good"})));
    ends.push_back(server.Start(PuppetServer::Call({"good"})));  // too many calls
    cancelled->cancelled = true;
    std::this_thread::sleep_until(expired->deadline + std::chrono::milliseconds(10));
    release.set_value();
    server.permits.WaitUntilIdle(std::chrono::seconds(60));

    auto run = [&server](const std::shared_ptr<ClassifyCall>& call) {
      server.Run(call);
      server.permits.WaitUntilIdle(std::chrono::seconds(60));  // else it might still hold its permit
    };
    auto unknown = PuppetServer::Call({"good"});
    unknown->request.set_profile("fastest");
    run(unknown);
    auto not_ready = PuppetServer::Call({"good"});
    not_ready->request.set_profile("quantized");
    run(not_ready);
    run(PuppetServer::Call({}));
    run(PuppetServer::Call({"good", "", "\xff"}));
    auto unreadable = PuppetServer::Call({});
    unreadable->done = [](CallOutcome&) {};
    unreadable->outcome.status = MakeStatus(FailureReason::kMalformedMessage, "why");
    server.classification.Start(unreadable);
    auto partial = PuppetServer::Call({"good", " "});
    partial->request.set_allow_partial(true);
    run(partial);
    server.permits.Close();
    run(PuppetServer::Call({"good"}));
    *page_ = server.metrics.Scrape();
  }
  static void TearDownTestSuite() { delete page_; }

  static double Sum(std::string_view name, const std::vector<std::string_view>& labels = {}) {
    return SumOf(*page_, name, labels);
  }

  static std::string* page_;
  static constexpr double kCalls = 13;
  static constexpr double kAnswers = 3;
};

std::string* AccountingTest::page_ = nullptr;

TEST_F(AccountingTest, EveryCallIsCountedOnce) {
  EXPECT_EQ(Sum("roberta_requests_total", {"method=\"Classify\""}), kCalls);
  EXPECT_EQ(Sum("roberta_request_duration_seconds_count", {"method=\"Classify\""}), kCalls);
  EXPECT_EQ(Sum("roberta_inflight_requests"), 0);
}

TEST_F(AccountingTest, EveryFailureHasOneReason) {
  EXPECT_EQ(Sum("roberta_requests_total", {"code=\"OK\""}), kAnswers);
  EXPECT_EQ(Sum("roberta_request_failures_total"), kCalls - kAnswers);
  EXPECT_EQ(Sum("roberta_request_failures_total", {"reason=\"other\""}), 0);
  for (const char* reason : {"cancelled", "deadline_passed", "queue_full", "too_many_calls", "unknown_profile",
                             "profile_not_ready", "no_items", "blank_text", "malformed_message", "draining"}) {
    EXPECT_EQ(Sum("roberta_request_failures_total", {"reason=\"" + std::string(reason) + "\""}), 1) << reason;
  }
}

TEST_F(AccountingTest, PhasesAddUpToTheDurationOfCalls) {
  const double total = Sum("roberta_request_duration_seconds_sum", {"method=\"Classify\""});
  EXPECT_GT(total, 4);  // the first call and the cancelled one waited for more than the two seconds of the expired
  EXPECT_NEAR(Sum("roberta_phase_duration_seconds_sum"), total, 1e-9 * kCalls);
}

TEST_F(AccountingTest, EveryCallIsInEveryPhase) {
  for (const char* phase : call::kPhaseNames) {
    EXPECT_EQ(Sum("roberta_phase_duration_seconds_count", {"phase=\"" + std::string(phase) + "\""}), kCalls) << phase;
  }
}

TEST_F(AccountingTest, EveryItemIsAnsweredOrFailed) {
  EXPECT_EQ(Sum("roberta_items_total", {"outcome=\"answered\""}), 3);
  EXPECT_EQ(Sum("roberta_items_total", {"outcome=\"failed\""}), 13);
  EXPECT_EQ(Sum("roberta_batch_items_sum"), 3);
}

}  // namespace
}  // namespace roberta::service
