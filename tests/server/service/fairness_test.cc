// Callers beside one another: the service, but for gRPC.
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <future>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "server/call/failure_reason.h"
#include "tests/server/service/puppet_server.h"
#include "tests/server/service/puppet_transport.h"

namespace roberta::service {
namespace {

std::shared_ptr<ClassifyCall> CallOf(const char* name, size_t index, const char* text = "good") {
  auto call = PuppetServer::Call({text});
  call->caller = std::make_shared<security::Caller>(security::Caller{.name = name, .index = index});
  return call;
}

TEST(Fairness, ACallDoesNotWaitForTheManyOfAnotherCaller) {
  constexpr size_t kGreedyCalls = 500;
  std::promise<void> all_wait;
  size_t sequences = 0, before_the_long_one = 0;  // of the one executor
  PuppetServer server(std::make_shared<PuppetProfile>([&, wait = all_wait.get_future().share()](
                                                          const encoder::PackedBatch& batch, absl::Span<float> logits) {
                        wait.wait();
                        for (size_t i = 0; i < batch.sequences(); ++i, ++sequences) {
                          if (batch.sequence(i).size() > 3) before_the_long_one = sequences;
                        }
                        return PuppetProfile::CountTokens(batch, logits);
                      }),
                      1024);
  std::vector<std::future<CallOutcome>> greedy;
  for (size_t i = 0; i < kGreedyCalls; ++i) greedy.push_back(server.Start(CallOf("greedy", 1, "good")));
  auto light = server.Start(CallOf("light", 2, "good good"));
  const auto waiting = [&] { return server.queue.depth().items[0][static_cast<size_t>(call::Priority::kNormal)]; };
  while (waiting() + 5 < kGreedyCalls + 1) std::this_thread::yield();  // a batch of 5 runs
  all_wait.set_value();
  EXPECT_TRUE(light.get().status.ok());
  for (auto& call : greedy) EXPECT_TRUE(call.get().status.ok());
  EXPECT_LE(before_the_long_one, 10u);
}

TEST(Fairness, WhoHasItsShareOfTheCallsIsRefusedAndOthersAreNot) {
  admission::Permits permits(4);
  const admission::WaitPredictor predictor(1, {});
  ConcurrencyLimit limit(&permits, &predictor, /*caller_share=*/0.5);
  limit.SetReady();
  std::vector<admission::Permit> held(4);
  const auto greedy = CallOf("greedy", 1), other = CallOf("other", 2), nobody = PuppetServer::Call({});
  EXPECT_TRUE(limit.Admit(*greedy, &held[0]).ok());
  EXPECT_TRUE(limit.Admit(*greedy, &held[1]).ok());
  const absl::Status refused = limit.Admit(*greedy, &held[2]);
  EXPECT_STREQ(call::ReasonOf(refused), "caller_share");
  EXPECT_TRUE(call::RetryDelayOf(refused).has_value());
  EXPECT_TRUE(limit.Admit(*other, &held[2]).ok());
  EXPECT_TRUE(limit.Admit(*nobody, &held[3]).ok());
  held[3].reset();
  held[0].reset();
  EXPECT_TRUE(limit.Admit(*greedy, &held[0]).ok());
}

TEST(Fairness, BeyondItsRateACallerIsRefusedAndOthersAreNot) {
  PuppetServer server;
  const auto limited =
      std::make_shared<security::Caller>(security::Caller{.name = "limited", .index = 1, .items_per_second = 0.001});
  auto first = PuppetServer::Call({"good", "good"});
  first->caller = limited;
  EXPECT_TRUE(server.Run(first).status.ok());
  auto second = PuppetServer::Call({"good"});
  second->caller = limited;
  const absl::Status refused = server.Run(second).status;
  EXPECT_STREQ(call::ReasonOf(refused), "caller_rate");
  EXPECT_TRUE(call::RetryDelayOf(refused).has_value());
  auto compared = std::make_shared<ComparisonCall>(call::PhaseClock::Clock::now());
  compared->caller = limited;
  compared->request.mutable_item()->set_text("good");
  std::promise<std::string> reason;
  compared->done = [&](Outcome<v1::CompareResponse>& outcome) { reason.set_value(call::ReasonOf(outcome.status)); };
  server.comparison.Start(compared);
  EXPECT_EQ(reason.get_future().get(), "caller_rate");
  EXPECT_TRUE(server.Run(CallOf("other", 2)).status.ok());
}

TEST(Fairness, BeyondTheRateOfItsCallerAStreamIsNotReadUntilItIsWithin) {
  using namespace std::chrono_literals;
  std::atomic<batching::Clock::time_point> now{batching::Clock::time_point(1h)};
  PuppetServer server(std::make_shared<PuppetProfile>(), 64, {.now = [&] { return now.load(); }});
  const auto open = [&](const std::shared_ptr<PuppetTransport>& client, size_t index) {
    const security::Caller caller = {.name = "caller", .index = index, .items_per_second = 10};
    client->Start(server.streams.Open(client, {.caller = std::make_shared<security::Caller>(caller)}));
  };
  const auto client = std::make_shared<PuppetTransport>(), other = std::make_shared<PuppetTransport>();
  open(client, 1);
  open(other, 2);
  client->Send(PuppetTransport::Texts(30));  // 10 of them are those of the first second
  client->WaitForResults(30);
  now = now.load() + 1900ms;
  server.streams.ReadWhatIsDue();
  EXPECT_FALSE(client->reads());
  other->Send(PuppetTransport::Texts(1));
  EXPECT_TRUE(other->reads());
  now = now.load() + 200ms;
  server.streams.ReadWhatIsDue();
  EXPECT_TRUE(client->reads());
  client->Send(PuppetTransport::Texts(30));
  EXPECT_FALSE(client->reads());
  client->stream().Drain();  // which does not wait for the rate
  EXPECT_TRUE(absl::IsUnavailable(client->WaitForEnd()));
  EXPECT_EQ(client->results().size(), 60u);
  other->Close();
  EXPECT_TRUE(other->WaitForEnd().ok());
  client->HangUp();
  other->HangUp();
}

}  // namespace
}  // namespace roberta::service
