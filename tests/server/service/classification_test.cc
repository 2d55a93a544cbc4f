#include "server/service/classification.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>
#include <thread>

#include "tests/server/service/puppet_server.h"

namespace roberta::service {
namespace {

using ::testing::HasSubstr;

TEST(Classification, AnswersEveryItemInOrder) {
  PuppetServer server;
  auto call = PuppetServer::Call({"good", "a film that never quite decides what it wants", "bad"});
  call->request.set_return_logits(true);
  const CallOutcome outcome = server.Run(call);
  ASSERT_TRUE(outcome.status.ok()) << outcome.status;
  ASSERT_EQ(outcome.response.results_size(), 3);
  for (const v1::ItemResult& result : outcome.response.results()) {
    EXPECT_EQ(result.classification().logits(0), static_cast<float>(result.classification().token_count()));
  }
  EXPECT_EQ(outcome.response.results(0).classification().token_count(), 3u);
  EXPECT_GT(outcome.response.results(1).classification().token_count(), 8u);
}

TEST(Classification, SaysWhatItUsed) {
  PuppetServer server;
  const CallOutcome outcome = server.Run(PuppetServer::Call({"good"}));
  EXPECT_EQ(outcome.response.profile_requested(), "");
  EXPECT_EQ(outcome.response.profile_used(), "baseline");
  EXPECT_EQ(outcome.response.profile_reason(), "default");
  EXPECT_EQ(outcome.response.profile_revision(), "puppet-revision");
  EXPECT_EQ(outcome.response.model(), "puppet");
  EXPECT_EQ(outcome.response.model_revision().size(), 16u);
  EXPECT_EQ(outcome.response.batch_items(), 1u);
}

TEST(Classification, TheFieldWinsOverTheMetadata) {
  PuppetServer server;
  auto call = PuppetServer::Call({"good"});
  call->metadata_profile = "quantized";
  call->request.set_profile("baseline");
  const CallOutcome outcome = server.Run(call);
  EXPECT_TRUE(outcome.status.ok());
  EXPECT_EQ(outcome.response.profile_reason(), "request");
}

TEST(Classification, TheMetadataNamesAProfileWhereTheFieldDoesNot) {
  PuppetServer server;
  auto call = PuppetServer::Call({"good"});
  call->metadata_profile = "baseline";
  EXPECT_EQ(server.Run(call).response.profile_reason(), "metadata");
}

TEST(Classification, AnUnknownProfileIsRefusedWithTheList) {
  PuppetServer server;
  auto call = PuppetServer::Call({"good"});
  call->request.set_profile("fastest\xff");
  const CallOutcome outcome = server.Run(call);
  EXPECT_EQ(outcome.status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(outcome.status.message()),
              HasSubstr("\"fastest\\xff\" is unknown; the profiles are baseline, "));
}

TEST(Classification, AProfileThatIsNotReadyIsAFailedPrecondition) {
  PuppetServer server;
  auto call = PuppetServer::Call({"good"});
  call->request.set_profile("quantized");
  const CallOutcome outcome = server.Run(call);
  EXPECT_EQ(outcome.status.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(outcome.status.message()), HasSubstr("gate failed"));
}

TEST(Classification, PhasesAddUpToTheTotal) {
  PuppetServer server;
  const v1::Phases phases = server.Run(PuppetServer::Call({"good", "bad"})).response.phases();
  EXPECT_GT(phases.total_ns(), 0);
  EXPECT_EQ(phases.tokenize_ns() + phases.queue_ns() + phases.form_ns() + phases.infer_ns() + phases.post_ns(),
            phases.total_ns());
}

TEST(Classification, OneBadItemFailsTheCallAndIsNamed) {
  PuppetServer server;
  const CallOutcome outcome = server.Run(PuppetServer::Call({"good", "", "bad", "\xff"}));
  EXPECT_EQ(outcome.status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(std::string(outcome.status.message()), "items[1].text: the text is empty (and 1 more bad item)");
  ASSERT_EQ(outcome.problems.size(), 2u);
  EXPECT_EQ(outcome.problems[1].field, "items[3].text");
}

TEST(Classification, WithAllowPartialNeighboursOfABadItemAreAnswered) {
  PuppetServer server;
  auto call = PuppetServer::Call({"good", "", "bad"});
  call->request.set_allow_partial(true);
  call->request.mutable_items(1)->set_id("second");
  const CallOutcome outcome = server.Run(call);
  ASSERT_TRUE(outcome.status.ok()) << outcome.status;
  EXPECT_TRUE(outcome.response.results(0).has_classification());
  EXPECT_EQ(outcome.response.results(1).status().code(), 3);
  EXPECT_EQ(outcome.response.results(1).id(), "second");
  EXPECT_EQ(outcome.response.results(2).classification().token_count(), 3u);
}

TEST(Classification, AllItemsBadIsStillAnAnswerWithAllowPartial) {
  PuppetServer server;
  auto call = PuppetServer::Call({"", " "});
  call->request.set_allow_partial(true);
  const CallOutcome outcome = server.Run(call);
  EXPECT_TRUE(outcome.status.ok());
  EXPECT_EQ(outcome.response.results(1).status().code(), 3);
}

TEST(Classification, ATextWithTooManyTokensIsAnErrorByDefault) {
  PuppetServer server;
  std::string text;
  for (int i = 0; i < 600; ++i) text += "good ";
  const CallOutcome outcome = server.Run(PuppetServer::Call({text}));
  EXPECT_EQ(outcome.status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(outcome.problems[0].field, "items[0].text");
  EXPECT_THAT(std::string(outcome.status.message()), HasSubstr("512"));
}

TEST(Classification, TruncationIsDoneOnlyWhenAskedAndReported) {
  PuppetServer server;
  std::string text;
  for (int i = 0; i < 600; ++i) text += "good ";
  auto call = PuppetServer::Call({text});
  call->request.set_truncation(v1::TRUNCATION_RIGHT);
  const CallOutcome outcome = server.Run(call);
  ASSERT_TRUE(outcome.status.ok()) << outcome.status;
  const v1::Classification& result = outcome.response.results(0).classification();
  EXPECT_TRUE(result.truncated());
  EXPECT_EQ(result.token_count(), 512u);
  EXPECT_GT(result.tokens_dropped(), 50u);
}

TEST(Classification, ABackendFailureHarmsOnlyItsItem) {
  PuppetServer server(std::make_shared<PuppetProfile>([](const encoder::PackedBatch& batch, absl::Span<float> logits) {
    absl::Status status = PuppetProfile::CountTokens(batch, logits);
    for (size_t i = 0; i < batch.sequences(); ++i) {
      if (batch.sequence(i).size() > 3) logits[2 * i] = std::numeric_limits<float>::infinity();
    }
    return status;
  }));
  auto call = PuppetServer::Call({"good", "not good at all", "bad"});
  call->request.set_allow_partial(true);
  const CallOutcome outcome = server.Run(call);
  ASSERT_TRUE(outcome.status.ok()) << outcome.status;
  EXPECT_TRUE(outcome.response.results(0).has_classification());
  EXPECT_EQ(outcome.response.results(1).status().code(), 13);
  EXPECT_TRUE(outcome.response.results(2).has_classification());
}

TEST(Classification, ACancelledCallNeverRuns) {
  int runs = 0;
  PuppetServer server(std::make_shared<PuppetProfile>([&](const encoder::PackedBatch& batch, absl::Span<float> logits) {
    ++runs;
    return PuppetProfile::CountTokens(batch, logits);
  }));
  auto call = PuppetServer::Call({"good"});
  call->cancelled = true;
  EXPECT_EQ(server.Run(call).status.code(), absl::StatusCode::kCancelled);
  EXPECT_EQ(runs, 0);
}

TEST(Classification, ACallPastItsDeadlineNeverRuns) {
  PuppetServer server;
  auto call = PuppetServer::Call({"good"});
  call->deadline = std::chrono::system_clock::now() - std::chrono::seconds(1);
  EXPECT_EQ(server.Run(call).status.code(), absl::StatusCode::kDeadlineExceeded);
}

TEST(Classification, MoreCallsThanPermitsAreRefusedAtOnce) {
  std::promise<void> entered, release;
  PuppetServer server(std::make_shared<PuppetProfile>([&](const encoder::PackedBatch& batch, absl::Span<float> logits) {
                        entered.set_value();
                        release.get_future().wait();
                        return PuppetProfile::CountTokens(batch, logits);
                      }),
                      1);
  std::future<CallOutcome> first = server.Start(PuppetServer::Call({"good"}));
  entered.get_future().wait();
  EXPECT_EQ(server.Run(PuppetServer::Call({"bad"})).status.code(), absl::StatusCode::kResourceExhausted);
  release.set_value();
  EXPECT_TRUE(first.get().status.ok());
}

TEST(Classification, ClosedPermitsMeanTheServerIsStopping) {
  PuppetServer server;
  server.permits.Close();
  EXPECT_EQ(server.Run(PuppetServer::Call({"good"})).status.code(), absl::StatusCode::kUnavailable);
}

TEST(Classification, ALargeCallIsCutIntoBatchesOfTheTokenBudget) {
  size_t largest = 0;
  PuppetServer server(std::make_shared<PuppetProfile>([&](const encoder::PackedBatch& batch, absl::Span<float> logits) {
    largest = std::max(largest, batch.tokens());
    return PuppetProfile::CountTokens(batch, logits);
  }));
  const CallOutcome outcome = server.Run(PuppetServer::Call(std::vector<std::string>(100, "good")));
  EXPECT_EQ(outcome.response.results_size(), 100);
  EXPECT_EQ(outcome.response.batch_items(), 5u);  // of 3 tokens each, within 16
  EXPECT_EQ(largest, 15u);
}

/// A server whose executor is blocked in its first batch until it is released.
struct HeldServer {
  explicit HeldServer(batching::BatchQueueOptions options = {})
      : server(std::make_shared<PuppetProfile>([this](const encoder::PackedBatch& batch, absl::Span<float> logits) {
                 if (runs++ == 0) {
                   entered.set_value();
                   release.get_future().wait();
                 }
                 first_lengths.push_back(batch.sequence(0).size());
                 return PuppetProfile::CountTokens(batch, logits);
               }),
               64, std::move(options)),
        first(server.Start(PuppetServer::Call({"good"}))) {
    entered.get_future().wait();
  }

  std::atomic<int> runs{0};
  std::vector<size_t> first_lengths;  // of each batch, the first text's tokens; written by the only executor
  std::promise<void> entered, release;
  PuppetServer server;
  std::future<CallOutcome> first;
};

TEST(Classification, CallsThatWaitShareABatch) {
  HeldServer held;
  std::future<CallOutcome> second = held.server.StartWaiting(PuppetServer::Call({"good"}));
  std::future<CallOutcome> third = held.server.StartWaiting(PuppetServer::Call({"not good", "bad"}));
  held.release.set_value();
  EXPECT_EQ(second.get().response.batch_items(), 3u);
  const CallOutcome outcome = third.get();
  EXPECT_EQ(outcome.response.batch_items(), 3u);
  EXPECT_EQ(outcome.response.results(0).classification().token_count(), 4u);
  EXPECT_EQ(held.first.get().response.batch_items(), 1u);
  EXPECT_EQ(held.runs.load(), 2);
}

TEST(Classification, AFullQueueRefusesAtOnce) {
  HeldServer held({.capacity_items = 3});
  std::future<CallOutcome> second = held.server.StartWaiting(PuppetServer::Call({"good", "bad"}));
  EXPECT_EQ(held.server.Run(PuppetServer::Call({"good", "bad"})).status.code(), absl::StatusCode::kResourceExhausted);
  held.release.set_value();
  EXPECT_TRUE(second.get().status.ok());
}

TEST(Classification, ACallWhoseDeadlinePassesInTheQueueNeverRuns) {
  HeldServer held;
  auto call = PuppetServer::Call({"good"});
  call->deadline = std::chrono::system_clock::now() + std::chrono::milliseconds(500);
  std::future<CallOutcome> second = held.server.StartWaiting(call);
  std::this_thread::sleep_until(call->deadline + std::chrono::milliseconds(50));
  held.release.set_value();
  EXPECT_EQ(second.get().status.code(), absl::StatusCode::kDeadlineExceeded);
  EXPECT_EQ(held.runs.load(), 1);
}

TEST(Classification, AHigherPriorityOvertakes) {
  HeldServer held;
  std::future<CallOutcome> normal = held.server.StartWaiting(PuppetServer::Call({"not good"}));
  auto call = PuppetServer::Call(std::vector<std::string>(5, "good"));
  call->request.set_priority(v1::PRIORITY_HIGH);
  std::future<CallOutcome> high = held.server.Start(call);
  while (held.server.queue.depth().items[0][2] == 0) std::this_thread::yield();
  held.release.set_value();
  EXPECT_TRUE(high.get().status.ok());
  EXPECT_TRUE(normal.get().status.ok());
  EXPECT_EQ(held.first_lengths, (std::vector<size_t>{3, 3, 4}));
}

TEST(Classification, PhasesOfACallOnSeveralExecutorsAddUpToTheTotal) {
  PuppetServer server(std::make_shared<PuppetProfile>(), 64, {}, 4);
  for (int i = 0; i < 50; ++i) {
    const v1::Phases phases = server.Run(PuppetServer::Call(std::vector<std::string>(100, "good"))).response.phases();
    EXPECT_EQ(phases.tokenize_ns() + phases.queue_ns() + phases.form_ns() + phases.infer_ns() + phases.post_ns(),
              phases.total_ns());
    for (const int64_t ns : {phases.tokenize_ns(), phases.queue_ns(), phases.infer_ns(), phases.post_ns()}) {
      EXPECT_GT(ns, 0);
    }
  }
}

TEST(Classification, AnswersOfACallOnSeveralExecutorsStandInOrder) {
  PuppetServer server(std::make_shared<PuppetProfile>(), 64, {}, 4);
  std::vector<std::string> texts;
  for (int i = 0; i < 200; ++i) texts.push_back(i % 3 == 0 ? "good" : i % 3 == 1 ? "not good" : "not good at all");
  auto call = PuppetServer::Call(texts);
  call->request.set_return_logits(true);
  const CallOutcome outcome = server.Run(call);
  ASSERT_TRUE(outcome.status.ok()) << outcome.status;
  for (const v1::ItemResult& result : outcome.response.results()) {
    ASSERT_EQ(result.classification().logits(0), static_cast<float>(result.classification().token_count()));
  }
}

}  // namespace
}  // namespace roberta::service
