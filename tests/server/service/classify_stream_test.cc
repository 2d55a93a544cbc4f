#include "server/service/classify_stream.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <future>
#include <thread>

#include "tests/server/service/puppet_server.h"
#include "tests/server/service/puppet_transport.h"

namespace roberta::service {

using call::FailureReason;
using call::MakeStatus;
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr auto kNoDeadline = std::chrono::system_clock::time_point::max();

/// Streams into a puppet server, which works on 64 items of each at most.
class ClassifyStreamTest : public testing::Test {
 protected:
  explicit ClassifyStreamTest(std::shared_ptr<const encoder::Profile> profile = std::make_shared<PuppetProfile>(),
                              size_t capacity = 64)
      : server_(std::move(profile), capacity) {}

  void TearDown() override { client_->HangUp(); }

  void Open(const std::shared_ptr<PuppetTransport>& transport, const std::string& metadata_profile = "",
            std::chrono::system_clock::time_point deadline = kNoDeadline) {
    transport->Start(server_.streams.Open(
        transport, {.identity = identity_, .metadata_profile = metadata_profile, .deadline = deadline}));
  }
  static PuppetTransport::Message Settings() {
    PuppetTransport::Message message;
    message.mutable_settings();
    return message;
  }

  call::Identity identity_;
  PuppetServer server_;
  const std::shared_ptr<PuppetTransport> client_ = std::make_shared<PuppetTransport>();
};

TEST_F(ClassifyStreamTest, EveryItemIsAnsweredUnderItsSequenceAndId) {
  Open(client_);
  for (int message = 0; message < 30; ++message) {
    auto texts = PuppetTransport::Texts({"good", "a film that never quite decides what it wants", "bad"});
    for (int i = 0; i < 3; ++i) texts.mutable_items(i)->set_id(std::to_string(message * 3 + i));
    client_->Send(std::move(texts));
  }
  client_->Close();
  EXPECT_TRUE(client_->WaitForEnd().ok());
  ASSERT_EQ(client_->results().size(), 90u);
  for (const auto& [sequence, result] : client_->results()) {
    EXPECT_EQ(result.id(), std::to_string(sequence));
    EXPECT_EQ(result.classification().token_count() > 8, sequence % 3 == 1);
  }
}

TEST_F(ClassifyStreamTest, AMessageLargerThanTheBoundIsAnsweredWhole) {
  Open(client_);
  client_->Send(PuppetTransport::Texts(1000));
  client_->Close();
  EXPECT_TRUE(client_->WaitForEnd().ok());
  EXPECT_EQ(client_->results().size(), 1000u);
  EXPECT_EQ(client_->results().rbegin()->first, 999u);
}

TEST_F(ClassifyStreamTest, TheFirstMessageSaysWhatHoldsForAll) {
  Open(client_, "baseline");
  client_->Send(PuppetTransport::Texts(1));
  client_->Close();
  EXPECT_TRUE(client_->WaitForEnd().ok());
  const v1::StreamStart& start = client_->start();
  EXPECT_EQ(start.profile_requested(), "baseline");
  EXPECT_EQ(start.profile_used(), "baseline");
  EXPECT_EQ(start.profile_reason(), "metadata");
  EXPECT_EQ(start.profile_revision(), "puppet-revision");
  EXPECT_EQ(start.model(), "puppet");
  EXPECT_EQ(start.model_revision(), server_.registry.checkpoint().revision());
}

TEST_F(ClassifyStreamTest, TheLastMessageSumsUp) {
  Open(client_);
  client_->Send(PuppetTransport::Texts({"good", " ", "good"}));
  client_->Send(PuppetTransport::Texts(1));
  client_->Close();
  EXPECT_TRUE(client_->WaitForEnd().ok());
  ASSERT_TRUE(client_->end());
  const v1::StreamEnd& end = *client_->end();
  EXPECT_EQ(end.items_taken(), 4u);
  EXPECT_EQ(end.items_failed(), 1u);
  EXPECT_EQ(end.tokens(), 9u);
  EXPECT_EQ(end.parts(), 2u);
  const v1::Phases& phases = end.phases();
  EXPECT_GT(phases.total_ns(), 0);
  EXPECT_EQ(phases.tokenize_ns() + phases.queue_ns() + phases.form_ns() + phases.infer_ns() + phases.post_ns(),
            phases.total_ns());
}

TEST_F(ClassifyStreamTest, AStreamOfNothingEndsWell) {
  Open(client_);
  client_->Close();
  EXPECT_TRUE(client_->WaitForEnd().ok());
  EXPECT_EQ(client_->end()->items_taken(), 0u);
}

TEST_F(ClassifyStreamTest, ABadItemHasAStatusAndHarmsNoOther) {
  Open(client_);
  auto message = PuppetTransport::Texts(50);
  message.mutable_items(1)->set_text("go\xc3\x28od");
  message.mutable_items(45)->set_text(" ");
  client_->Send(std::move(message));
  client_->Send(PuppetTransport::Texts(3));
  client_->Close();
  EXPECT_TRUE(client_->WaitForEnd().ok());
  ASSERT_EQ(client_->results().size(), 53u);
  EXPECT_EQ(client_->results().at(1).status().message(), "items[1].text: invalid UTF-8 at byte 2");
  EXPECT_EQ(client_->results().at(45).status().message(), "items[45].text: the text is blank");
  EXPECT_EQ(client_->end()->items_failed(), 2u);
}

TEST_F(ClassifyStreamTest, LargeResultsAreDividedAmongMessages) {
  Open(client_);
  auto message = PuppetTransport::Texts(20);
  for (int i = 0; i < 20; ++i) message.mutable_items(i)->set_id(std::string(300 << 10, static_cast<char>('a' + i)));
  client_->Send(std::move(message));
  client_->Close();
  EXPECT_TRUE(client_->WaitForEnd().ok());
  ASSERT_EQ(client_->results().size(), 20u);
  for (const auto& [sequence, result] : client_->results()) {
    EXPECT_EQ(result.id(), std::string(300 << 10, static_cast<char>('a' + sequence)));
  }
  EXPECT_GE(client_->messages(), 6u);
}

TEST_F(ClassifyStreamTest, AResultThatFitsIntoNoMessageIsAStatusAndHarmsNoOther) {
  Open(client_);
  auto message = PuppetTransport::Texts(3);
  message.mutable_items(1)->set_id(std::string(4 << 20, 'a'));
  client_->Send(std::move(message));
  client_->Close();
  EXPECT_TRUE(client_->WaitForEnd().ok());
  ASSERT_EQ(client_->results().size(), 3u);
  EXPECT_THAT(client_->results().at(1).status().message(), HasSubstr("items[1]: the result has 41943"));
  EXPECT_EQ(client_->results().at(1).id(), "");
  EXPECT_TRUE(client_->results().at(2).has_classification());
  EXPECT_EQ(client_->end()->items_failed(), 1u);
}

TEST_F(ClassifyStreamTest, SettingsHoldForAllMessages) {
  Open(client_);
  auto message = Settings();
  message.mutable_settings()->set_return_logits(true);
  message.mutable_settings()->set_top_k(1);
  client_->Send(std::move(message));
  client_->Send(PuppetTransport::Texts(1));
  client_->Send(PuppetTransport::Texts(1));
  client_->Close();
  EXPECT_TRUE(client_->WaitForEnd().ok());
  for (const auto& [sequence, result] : client_->results()) {
    EXPECT_EQ(result.classification().logits_size(), 2);
    EXPECT_EQ(result.classification().scores_size(), 1);
  }
}

TEST_F(ClassifyStreamTest, ABadSettingEndsTheStream) {
  Open(client_);
  auto message = Settings();
  message.mutable_settings()->set_truncation(9);
  client_->Send(std::move(message));
  const absl::Status status = client_->WaitForEnd();
  EXPECT_TRUE(absl::IsInvalidArgument(status));
  EXPECT_EQ(status.message(), "settings.truncation: unknown value 9");
  ASSERT_EQ(client_->problems().size(), 1u);
  EXPECT_EQ(client_->problems()[0].field, "settings.truncation");
}

TEST_F(ClassifyStreamTest, APriorityThatThereIsNotEndsTheStream) {
  Open(client_);
  auto message = Settings();
  message.mutable_settings()->set_priority(7);
  client_->Send(std::move(message));
  EXPECT_EQ(client_->WaitForEnd().message(), "settings.priority: unknown value 7");
}

TEST_F(ClassifyStreamTest, AProfileThatIsNotReadyEndsTheStream) {
  Open(client_);
  auto message = Settings();
  message.mutable_settings()->set_profile("quantized");
  client_->Send(std::move(message));
  EXPECT_TRUE(absl::IsFailedPrecondition(client_->WaitForEnd()));
}

TEST_F(ClassifyStreamTest, SettingsInALaterMessageEndTheStreamWhenTheFormerIsAnswered) {
  Open(client_);
  client_->Send(PuppetTransport::Texts(3));
  auto message = PuppetTransport::Texts(2);
  message.mutable_settings();
  client_->Send(std::move(message));
  const absl::Status status = client_->WaitForEnd();
  EXPECT_TRUE(absl::IsInvalidArgument(status));
  EXPECT_THAT(std::string(status.message()), HasSubstr("only the first message"));
  EXPECT_EQ(client_->results().size(), 3u);
  EXPECT_EQ(client_->end()->items_taken(), 3u);
}

TEST_F(ClassifyStreamTest, AMessageOfTooManyItemsEndsTheStream) {
  Open(client_);
  client_->Send(PuppetTransport::Texts(1001));
  EXPECT_EQ(client_->WaitForEnd().message(), "items: 1001 of them; at most 1000");
}

TEST_F(ClassifyStreamTest, AMessageThatCannotBeReadEndsTheStream) {
  Open(client_);
  client_->SendMalformed(MakeStatus(FailureReason::kMalformedMessage, "no message"));
  EXPECT_EQ(client_->WaitForEnd().message(), "no message");
}

TEST_F(ClassifyStreamTest, IsRefusedWhileTheModelIsBeingLoaded) {
  ConcurrencyLimit concurrency(&server_.permits, &server_.predictor);
  Parts parts = server_.parts;
  parts.concurrency = &concurrency;
  ClassifyStreams streams(&server_.classification, parts, {});
  client_->Start(streams.Open(client_, {}));
  client_->Send(PuppetTransport::Texts(1));
  EXPECT_TRUE(absl::IsUnavailable(client_->WaitForEnd()));
}

TEST_F(ClassifyStreamTest, AResultThatIsNotWrittenHoldsItsPlace) {
  client_->HoldWrites();
  Open(client_);
  client_->Send(PuppetTransport::Texts(64));
  client_->WaitForResults(1);
  EXPECT_FALSE(client_->reads());
  client_->ReleaseWrite();
  client_->WaitForResults(64);
  client_->ReleaseWrite();
  client_->Send(PuppetTransport::Texts(1));  // it reads again
  client_->ReleaseWrite();
  client_->Close();
  EXPECT_TRUE(client_->WaitForEnd().ok());
}

TEST_F(ClassifyStreamTest, AClientThatDoesNotReadLosesItsPermitBeforeTheTransportIsRidOfTheWrite) {
  client_->HoldWrites();
  Open(client_);
  const auto before = call::PhaseClock::Clock::now();
  client_->Send(PuppetTransport::Texts(64));
  client_->WaitForResults(1);
  server_.streams.EndWritesSince(before);
  EXPECT_FALSE(client_->aborted());
  server_.streams.EndWritesSince(call::PhaseClock::Clock::now());
  ASSERT_TRUE(client_->aborted());
  EXPECT_TRUE(absl::IsDeadlineExceeded(*client_->aborted()));
  EXPECT_TRUE(server_.permits.WaitUntilIdle(60s));
  client_->ReleaseWrite();
  EXPECT_EQ(client_->WaitForEnd(), *client_->aborted());
  EXPECT_STREQ(call::ReasonOf(*client_->aborted()), "client_does_not_read");
}

TEST_F(ClassifyStreamTest, AStreamWithoutAWriteUnderWayIsNotEndedForIt) {
  Open(client_);
  client_->Send(PuppetTransport::Texts(64));
  client_->WaitForResults(64);
  ASSERT_TRUE(server_.permits.WaitUntilIdle(60s));
  server_.streams.EndWritesSince(call::PhaseClock::Clock::now());
  client_->Send(PuppetTransport::Texts(1));
  client_->Close();
  EXPECT_TRUE(client_->WaitForEnd().ok());
}

TEST_F(ClassifyStreamTest, TheLogHasALineOfIt) {
  identity_ = {.request_id = "review-7", .trace_id = std::string(32, 'a')};
  Open(client_, "baseline");
  client_->Send(PuppetTransport::Texts({"good", " ", "bad"}));
  client_->Close();
  EXPECT_TRUE(client_->WaitForEnd().ok());
  EXPECT_EQ(client_->start().request_id(), "review-7");
  const auto& lines = server_.CloseLog();
  ASSERT_EQ(lines.size(), 1u);
  EXPECT_THAT(lines[0],
              HasSubstr(R"("message":"request","method":"ClassifyStream","code":"OK","request_id":"review-7")"));
  EXPECT_THAT(lines[0], HasSubstr(R"("profile_requested":"baseline","profile":"baseline","items":3,"failed_items":1)"));
  EXPECT_THAT(lines[0], HasSubstr(R"("priority":"low")"));
  EXPECT_THAT(lines[0], Not(HasSubstr("good")));
}

TEST_F(ClassifyStreamTest, TheLogReportsWhyItWasRefusedButNoNameThatItInvented) {
  Open(client_);
  auto message = PuppetTransport::Texts(1);
  message.mutable_settings()->set_profile("a secret");
  client_->Send(std::move(message));
  EXPECT_TRUE(absl::IsInvalidArgument(client_->WaitForEnd()));
  const auto& lines = server_.CloseLog();
  ASSERT_EQ(lines.size(), 1u);
  EXPECT_THAT(lines[0], HasSubstr(R"("code":"INVALID_ARGUMENT")"));
  EXPECT_THAT(lines[0], HasSubstr("\"profile_requested\":\"(unknown)\""));
  EXPECT_THAT(lines[0], Not(HasSubstr("secret")));
}

TEST_F(ClassifyStreamTest, AnIdleStreamHoldsNoPermit) {
  Open(client_);
  client_->Send(PuppetTransport::Texts(1));
  client_->WaitForResults(1);
  EXPECT_TRUE(server_.permits.WaitUntilIdle(60s));
  client_->Close();
  EXPECT_TRUE(client_->WaitForEnd().ok());
}

TEST_F(ClassifyStreamTest, WaitsWhileTooManyCallsAreInFlight) {
  std::vector<admission::Permit> calls;
  while (auto permit = server_.permits.TryAdmit().permit) calls.push_back(std::move(permit));
  Open(client_);
  client_->Send(PuppetTransport::Texts(1));
  EXPECT_FALSE(client_->reads());
  EXPECT_TRUE(client_->results().empty());
  calls.pop_back();
  client_->WaitForResults(1);
  client_->Close();
  EXPECT_TRUE(client_->WaitForEnd().ok());
}

TEST_F(ClassifyStreamTest, ACancelledStreamWaitsForNoPermit) {
  std::vector<admission::Permit> calls;
  while (auto permit = server_.permits.TryAdmit().permit) calls.push_back(std::move(permit));
  Open(client_);
  client_->Send(PuppetTransport::Texts(1));
  client_->stream().Cancel();
  EXPECT_TRUE(absl::IsCancelled(client_->WaitForEnd()));
  calls.clear();
  EXPECT_EQ(server_.permits.in_flight(), 0u);
}

TEST_F(ClassifyStreamTest, AnIdleStreamEndsWhenTheServerDrains) {
  Open(client_);
  client_->Send(PuppetTransport::Texts(2));
  client_->WaitForResults(2);
  ASSERT_TRUE(server_.permits.WaitUntilIdle(60s));
  server_.streams.Drain();
  EXPECT_TRUE(absl::IsUnavailable(client_->WaitForEnd()));
  EXPECT_EQ(client_->end()->items_taken(), 2u);
}

TEST_F(ClassifyStreamTest, AStreamOpenedAfterTheDrainIsRefused) {
  server_.streams.Drain();
  Open(client_);
  EXPECT_TRUE(absl::IsUnavailable(client_->WaitForEnd()));
}

TEST_F(ClassifyStreamTest, AStreamThatWaitsForAPermitLearnsThatThereWillBeNone) {
  std::vector<admission::Permit> calls;
  while (auto permit = server_.permits.TryAdmit().permit) calls.push_back(std::move(permit));
  Open(client_);
  client_->Send(PuppetTransport::Texts(5));
  server_.permits.Close();
  EXPECT_TRUE(absl::IsUnavailable(client_->WaitForEnd()));
  EXPECT_EQ(client_->end()->items_taken(), 0u);
}

/// The same with an executor that stays in its first batch until it is let go.
class BlockedStreamTest : public ClassifyStreamTest {
 protected:
  BlockedStreamTest()
      : ClassifyStreamTest(
            std::make_shared<PuppetProfile>([this](const encoder::PackedBatch& batch, absl::Span<float> logits) {
              items_run_ += batch.sequences();
              {
                const std::lock_guard lock(mutex_);
                first_lengths_.push_back(batch.sequence(0).size());
              }
              if (++runs_ == 1) {
                entered_.set_value();
                release_.get_future().wait();
              }
              return PuppetProfile::CountTokens(batch, logits);
            })) {}

  std::atomic<int> runs_{0};
  std::atomic<size_t> items_run_{0};
  std::mutex mutex_;
  std::vector<size_t> first_lengths_;  // guarded by mutex_: tokens of the first item of each batch
  std::promise<void> entered_, release_;
};

TEST_F(BlockedStreamTest, AtMostTheBoundIsWorkedOn) {
  client_->HoldWrites();
  Open(client_);
  client_->Send(PuppetTransport::Texts(1000));
  entered_.get_future().wait();
  EXPECT_FALSE(client_->reads());
  release_.set_value();
  client_->WaitForResults(1);
  // Whatever was begun runs to its end; only a write makes room for more.
  while (items_run_ < 64) std::this_thread::yield();
  std::this_thread::sleep_for(50ms);
  EXPECT_EQ(items_run_, 64u);
  client_->stream().Cancel();
  client_->ReleaseWrite();
  EXPECT_TRUE(absl::IsCancelled(client_->WaitForEnd()));
}

TEST_F(BlockedStreamTest, ACallOvertakesTheStream) {
  Open(client_);
  client_->Send(PuppetTransport::Texts(64));
  entered_.get_future().wait();
  auto call = server_.Start(PuppetServer::Call({"a film that never quite decides what it wants"}));
  const auto normal = static_cast<size_t>(call::Priority::kNormal);
  while (server_.queue.depth().items[0][normal] == 0) std::this_thread::yield();
  release_.set_value();
  EXPECT_TRUE(call.get().status.ok());
  client_->Close();
  EXPECT_TRUE(client_->WaitForEnd().ok());
  EXPECT_GT(first_lengths_.at(1), 8u);
}

TEST_F(BlockedStreamTest, WhatWaitsIsDroppedWhenTheClientCancels) {
  Open(client_);
  client_->Send(PuppetTransport::Texts(64));
  entered_.get_future().wait();
  client_->stream().Cancel();
  EXPECT_TRUE(absl::IsCancelled(client_->WaitForEnd()));
  EXPECT_FALSE(client_->end());
  release_.set_value();
  EXPECT_TRUE(server_.permits.WaitUntilIdle(60s));
  EXPECT_EQ(runs_, 1);
}

TEST_F(BlockedStreamTest, WhatWaitsIsDroppedAtTheDeadline) {
  const auto deadline = std::chrono::system_clock::now() + 3s;  // time enough for the first batch to be run
  Open(client_, "", deadline);
  client_->Send(PuppetTransport::Texts(64));
  entered_.get_future().wait();
  std::this_thread::sleep_until(deadline + 100ms);
  release_.set_value();
  EXPECT_TRUE(absl::IsDeadlineExceeded(client_->WaitForEnd()));
  EXPECT_TRUE(server_.permits.WaitUntilIdle(60s));
  EXPECT_EQ(runs_, 1);
}

TEST_F(BlockedStreamTest, ADrainFinishesWhatWasRead) {
  Open(client_);
  client_->Send(PuppetTransport::Texts(100));
  entered_.get_future().wait();
  server_.permits.Close();
  server_.streams.Drain();
  release_.set_value();
  EXPECT_TRUE(absl::IsUnavailable(client_->WaitForEnd()));
  EXPECT_EQ(client_->results().size(), 100u);
  EXPECT_EQ(client_->end()->items_taken(), 100u);
}

TEST_F(BlockedStreamTest, ADrainDoesNotSpoilAStreamThatWasClosed) {
  Open(client_);
  client_->Send(PuppetTransport::Texts(5));
  entered_.get_future().wait();
  client_->Close();
  server_.streams.Drain();
  release_.set_value();
  EXPECT_TRUE(client_->WaitForEnd().ok());
  EXPECT_EQ(client_->results().size(), 5u);
}

class FailingStreamTest : public ClassifyStreamTest {
 protected:
  FailingStreamTest()
      : ClassifyStreamTest(
            std::make_shared<PuppetProfile>([](const encoder::PackedBatch& batch, absl::Span<float> logits) {
              for (size_t i = 0; i < batch.sequences(); ++i) {
                if (batch.sequence(i).size() > 8) return absl::InternalError("puppet");
              }
              return PuppetProfile::CountTokens(batch, logits);
            })) {}
};

TEST_F(FailingStreamTest, AnItemThatTheExecutorFailsOnHarmsNoOther) {
  Open(client_);
  client_->Send(PuppetTransport::Texts({"good", "a film that never quite decides what it wants", "bad"}));
  client_->Close();
  EXPECT_TRUE(client_->WaitForEnd().ok());
  EXPECT_TRUE(client_->results().at(0).has_classification());
  EXPECT_EQ(client_->results().at(1).status().code(), static_cast<int>(absl::StatusCode::kInternal));
  EXPECT_TRUE(client_->results().at(2).has_classification());
}

}  // namespace
}  // namespace roberta::service
