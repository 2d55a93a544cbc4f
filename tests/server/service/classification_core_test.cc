#include "server/service/classification_core.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>

#include "tests/server/service/puppet_server.h"

namespace roberta::service {
namespace {

using ::testing::HasSubstr;

TEST(ClassificationCore, AnswersEveryItemInOrder) {
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

TEST(ClassificationCore, SaysWhatItUsed) {
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

TEST(ClassificationCore, TheFieldWinsOverTheMetadata) {
  PuppetServer server;
  auto call = PuppetServer::Call({"good"});
  call->metadata_profile = "quantized";
  call->request.set_profile("baseline");
  const CallOutcome outcome = server.Run(call);
  EXPECT_TRUE(outcome.status.ok());
  EXPECT_EQ(outcome.response.profile_reason(), "request");
}

TEST(ClassificationCore, TheMetadataNamesAProfileWhereTheFieldDoesNot) {
  PuppetServer server;
  auto call = PuppetServer::Call({"good"});
  call->metadata_profile = "baseline";
  EXPECT_EQ(server.Run(call).response.profile_reason(), "metadata");
}

TEST(ClassificationCore, AnUnknownProfileIsRefusedWithTheList) {
  PuppetServer server;
  auto call = PuppetServer::Call({"good"});
  call->request.set_profile("fastest\xff");
  const CallOutcome outcome = server.Run(call);
  EXPECT_EQ(outcome.status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(outcome.status.message()),
              HasSubstr("\"fastest\\xff\" is unknown; the profiles are baseline, "));
}

TEST(ClassificationCore, AProfileThatIsNotReadyIsAFailedPrecondition) {
  PuppetServer server;
  auto call = PuppetServer::Call({"good"});
  call->request.set_profile("quantized");
  const CallOutcome outcome = server.Run(call);
  EXPECT_EQ(outcome.status.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(outcome.status.message()), HasSubstr("gate failed"));
}

TEST(ClassificationCore, PhasesAddUpToTheTotal) {
  PuppetServer server;
  const v1::Phases phases = server.Run(PuppetServer::Call({"good", "bad"})).response.phases();
  EXPECT_GT(phases.total_ns(), 0);
  EXPECT_EQ(phases.tokenize_ns() + phases.queue_ns() + phases.form_ns() + phases.infer_ns() + phases.post_ns(),
            phases.total_ns());
}

TEST(ClassificationCore, OneBadItemFailsTheCallAndIsNamed) {
  PuppetServer server;
  const CallOutcome outcome = server.Run(PuppetServer::Call({"good", "", "bad", "\xff"}));
  EXPECT_EQ(outcome.status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(std::string(outcome.status.message()), "items[1].text: the text is empty (and 1 more bad item)");
  ASSERT_EQ(outcome.problems.size(), 2u);
  EXPECT_EQ(outcome.problems[1].field, "items[3].text");
}

TEST(ClassificationCore, WithAllowPartialNeighboursOfABadItemAreAnswered) {
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

TEST(ClassificationCore, AllItemsBadIsStillAnAnswerWithAllowPartial) {
  PuppetServer server;
  auto call = PuppetServer::Call({"", " "});
  call->request.set_allow_partial(true);
  const CallOutcome outcome = server.Run(call);
  EXPECT_TRUE(outcome.status.ok());
  EXPECT_EQ(outcome.response.results(1).status().code(), 3);
}

TEST(ClassificationCore, ATextWithTooManyTokensIsAnErrorByDefault) {
  PuppetServer server;
  std::string text;
  for (int i = 0; i < 600; ++i) text += "good ";
  const CallOutcome outcome = server.Run(PuppetServer::Call({text}));
  EXPECT_EQ(outcome.status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(outcome.problems[0].field, "items[0].text");
  EXPECT_THAT(std::string(outcome.status.message()), HasSubstr("512"));
}

TEST(ClassificationCore, TruncationIsDoneOnlyWhenAskedAndReported) {
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

TEST(ClassificationCore, ABackendFailureHarmsOnlyItsItem) {
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

TEST(ClassificationCore, ACancelledCallNeverRuns) {
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

TEST(ClassificationCore, ACallPastItsDeadlineNeverRuns) {
  PuppetServer server;
  auto call = PuppetServer::Call({"good"});
  call->deadline = std::chrono::system_clock::now() - std::chrono::seconds(1);
  EXPECT_EQ(server.Run(call).status.code(), absl::StatusCode::kDeadlineExceeded);
}

TEST(ClassificationCore, MoreCallsThanPermitsAreRefusedAtOnce) {
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

TEST(ClassificationCore, ClosedPermitsMeanTheServerIsStopping) {
  PuppetServer server;
  server.permits.Close();
  EXPECT_EQ(server.Run(PuppetServer::Call({"good"})).status.code(), absl::StatusCode::kUnavailable);
}

TEST(ClassificationCore, ALargeCallIsCutIntoBatchesOfTheTokenBudget) {
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

}  // namespace
}  // namespace roberta::service
