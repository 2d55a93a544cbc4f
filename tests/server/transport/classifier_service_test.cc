#include "server/transport/services.h"

#include <gmock/gmock.h>
#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>

#include <future>

#include "google/rpc/error_details.pb.h"
#include "google/rpc/status.pb.h"
#include "tests/server/service/puppet_server.h"

namespace roberta::transport {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::MatchesRegex;

class ClassifierServiceTest : public testing::Test {
 protected:
  explicit ClassifierServiceTest(
      std::shared_ptr<const encoder::Profile> profile = std::make_shared<service::PuppetProfile>())
      : puppet_(std::move(profile)), service_(&puppet_.classification, &puppet_.streams, &puppet_.comparison) {
    grpc::ServerBuilder builder;
    builder.RegisterService(&service_);
    server_ = builder.BuildAndStart();
    channel_ = server_->InProcessChannel({});
    stub_ = v1::Classifier::NewStub(channel_);
  }
  ~ClassifierServiceTest() override { server_->Shutdown(); }

  /// Calls Classify with bytes that the generated stub would not send.
  grpc::Status SendBytes(const std::string& message) {
    grpc::GenericStub generic(channel_);
    grpc::Slice slice(message);
    grpc::ByteBuffer out(&slice, 1), in;
    std::promise<grpc::Status> promise;
    generic.UnaryCall(&context_, "/roberta.v1.Classifier/Classify", grpc::StubOptions(), &out, &in,
                      [&](grpc::Status status) { promise.set_value(std::move(status)); });
    return promise.get_future().get();
  }

  service::PuppetServer puppet_;
  ClassifierService service_;
  std::unique_ptr<grpc::Server> server_;
  std::shared_ptr<grpc::Channel> channel_;
  std::unique_ptr<v1::Classifier::Stub> stub_;
  grpc::ClientContext context_;
  v1::ClassifyRequest request_;
  v1::ClassifyResponse response_;
};

TEST_F(ClassifierServiceTest, AnswersOverTheWire) {
  v1::Item* item = request_.add_items();
  item->set_text("good");
  item->set_id("mine");
  const grpc::Status status = stub_->Classify(&context_, request_, &response_);
  ASSERT_TRUE(status.ok()) << status.error_message();
  EXPECT_EQ(response_.results(0).id(), "mine");
  EXPECT_EQ(response_.results(0).classification().token_count(), 3u);
}

TEST_F(ClassifierServiceTest, TrailersSayWhatWasUsedAndHowLongItTook) {
  request_.add_items()->set_text("good");
  ASSERT_TRUE(stub_->Classify(&context_, request_, &response_).ok());
  const auto& trailers = context_.GetServerTrailingMetadata();
  ASSERT_EQ(trailers.count("x-profile-used"), 1u);
  EXPECT_EQ(trailers.find("x-profile-used")->second, "baseline");
  for (const char* name : {"x-queue-time", "x-inference-time", "x-total-time"}) EXPECT_EQ(trailers.count(name), 1u);
}

std::string Trailer(const grpc::ClientContext& context, const char* name) {
  const auto& trailers = context.GetServerTrailingMetadata();
  const auto found = trailers.find(name);
  return found == trailers.end() ? "" : std::string(found->second.data(), found->second.size());
}

TEST_F(ClassifierServiceTest, TimesInTrailersAreMillisecondsOfThePhases) {
  request_.add_items()->set_text("good");
  ASSERT_TRUE(stub_->Classify(&context_, request_, &response_).ok());
  const v1::Phases& phases = response_.phases();
  EXPECT_NEAR(std::stod(Trailer(context_, "x-queue-time")), static_cast<double>(phases.queue_ns()) * 1e-6, 0.00051);
  EXPECT_NEAR(std::stod(Trailer(context_, "x-inference-time")), static_cast<double>(phases.infer_ns()) * 1e-6, 0.00051);
  EXPECT_NEAR(std::stod(Trailer(context_, "x-total-time")), static_cast<double>(phases.total_ns()) * 1e-6, 0.00051);
}

TEST_F(ClassifierServiceTest, TheRequestIdOfTheClientComesBack) {
  request_.add_items()->set_text("good");
  context_.AddMetadata("x-request-id", "mine-1");
  ASSERT_TRUE(stub_->Classify(&context_, request_, &response_).ok());
  EXPECT_EQ(Trailer(context_, "x-request-id"), "mine-1");
  EXPECT_EQ(response_.request_id(), "mine-1");
}

TEST_F(ClassifierServiceTest, ACallWithoutAnAnswerHasARequestIdToo) {
  context_.AddMetadata("x-request-id", "mine-1");
  ASSERT_FALSE(stub_->Classify(&context_, request_, &response_).ok());
  EXPECT_EQ(Trailer(context_, "x-request-id"), "mine-1");
}

TEST_F(ClassifierServiceTest, AMessageThatCannotBeReadHasARequestIdToo) {
  context_.AddMetadata("x-request-id", "mine-1");
  ASSERT_FALSE(SendBytes("\x0a\xff\xff\xff\xff\x0f garbage").ok());
  EXPECT_EQ(Trailer(context_, "x-request-id"), "mine-1");
}

TEST_F(ClassifierServiceTest, ARequestIdIsMadeWhereTheClientHasNone) {
  request_.add_items()->set_text("good");
  ASSERT_TRUE(stub_->Classify(&context_, request_, &response_).ok());
  EXPECT_THAT(response_.request_id(), MatchesRegex("[0-9a-f]{32}"));
  EXPECT_EQ(Trailer(context_, "x-request-id"), response_.request_id());
}

TEST_F(ClassifierServiceTest, ARequestIdIsMadeWhereTheClientHasTwo) {
  request_.add_items()->set_text("good");
  context_.AddMetadata("x-request-id", "mine-1");
  context_.AddMetadata("x-request-id", "mine-2");
  ASSERT_TRUE(stub_->Classify(&context_, request_, &response_).ok());
  EXPECT_THAT(response_.request_id(), MatchesRegex("[0-9a-f]{32}"));
}

TEST_F(ClassifierServiceTest, AComparisonHasARequestIdAndTimesInItsTrailers) {
  v1::CompareRequest request;
  v1::CompareResponse response;
  request.mutable_item()->set_text("good");
  context_.AddMetadata("x-request-id", "mine-1");
  ASSERT_TRUE(stub_->Compare(&context_, request, &response).ok());
  EXPECT_EQ(Trailer(context_, "x-request-id"), "mine-1");
  for (const char* name : {"x-queue-time", "x-inference-time", "x-total-time"}) {
    EXPECT_THAT(Trailer(context_, name), MatchesRegex("[0-9]+\\.[0-9]{3}")) << name;
  }
}

TEST_F(ClassifierServiceTest, TheTraceOfACallIsInTheLog) {
  request_.add_items()->set_text("good");
  context_.AddMetadata("traceparent", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01");
  ASSERT_TRUE(stub_->Classify(&context_, request_, &response_).ok());
  EXPECT_THAT(puppet_.CloseLog(), ElementsAre(HasSubstr("\"trace_id\":\"4bf92f3577b34da6a3ce929d0e0e4736\"")));
}

TEST_F(ClassifierServiceTest, TakesTheProfileFromMetadata) {
  request_.add_items()->set_text("good");
  context_.AddMetadata("x-profile", "quantized");
  EXPECT_EQ(stub_->Classify(&context_, request_, &response_).error_code(), grpc::StatusCode::FAILED_PRECONDITION);
}

TEST_F(ClassifierServiceTest, ABadItemIsNamedInABadRequestDetail) {
  request_.add_items()->set_text("good");
  request_.add_items()->set_text(" ");
  const grpc::Status status = stub_->Classify(&context_, request_, &response_);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  google::rpc::Status rich;
  ASSERT_TRUE(rich.ParseFromString(status.error_details()));
  google::rpc::BadRequest detail;
  ASSERT_TRUE(rich.details(0).UnpackTo(&detail));
  EXPECT_EQ(detail.field_violations(0).field(), "items[1].text");
}

TEST_F(ClassifierServiceTest, ThousandsOfBadItemsStillFitTheTrailers) {
  for (int i = 0; i < 1000; ++i) request_.add_items()->set_text(" ");
  const grpc::Status status = stub_->Classify(&context_, request_, &response_);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_THAT(status.error_message(), HasSubstr("and 999 more"));
}

TEST_F(ClassifierServiceTest, ATextThatIsNotUtf8IsNamedByItemAndByte) {
  internal::RawClassifyRequest raw;
  raw.add_items()->set_text("good");
  raw.add_items()->set_text("go\xc3\x28od");
  const grpc::Status status = SendBytes(raw.SerializeAsString());
  EXPECT_EQ(status.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_EQ(status.error_message(), "items[1].text: invalid UTF-8 at byte 2");
}

TEST_F(ClassifierServiceTest, AMessageThatCannotBeReadIsAnInvalidArgument) {
  EXPECT_EQ(SendBytes("\x0a\xff\xff\xff\xff\x0f garbage").error_code(), grpc::StatusCode::INVALID_ARGUMENT);
}

TEST_F(ClassifierServiceTest, ARefusedCallLearnsWhenToTryAgain) {
  request_.add_items()->set_text("good");
  puppet_.queue.SeedCost(0, 1e9);
  context_.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(2));
  const grpc::Status status = stub_->Classify(&context_, request_, &response_);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::RESOURCE_EXHAUSTED);
  google::rpc::Status rich;
  ASSERT_TRUE(rich.ParseFromString(status.error_details()));
  google::rpc::RetryInfo detail;
  ASSERT_TRUE(rich.details(0).UnpackTo(&detail));
  const int64_t detail_ms = 1000 * detail.retry_delay().seconds() + detail.retry_delay().nanos() / 1'000'000;
  EXPECT_GT(detail_ms, 0);
  const auto& trailers = context_.GetServerTrailingMetadata();
  ASSERT_EQ(trailers.count("grpc-retry-pushback-ms"), 1u);
  const grpc::string_ref pushback = trailers.find("grpc-retry-pushback-ms")->second;
  EXPECT_EQ(std::string(pushback.data(), pushback.size()), std::to_string(detail_ms));
}

TEST_F(ClassifierServiceTest, TakesAutoFromMetadata) {
  request_.add_items()->set_text("good");
  context_.AddMetadata("x-profile", "auto");
  ASSERT_TRUE(stub_->Classify(&context_, request_, &response_).ok());
  EXPECT_EQ(response_.profile_requested(), "auto");
  EXPECT_EQ(response_.profile_used(), "baseline");
}

TEST_F(ClassifierServiceTest, ManyCallsAtOnceGetTheirOwnAnswers) {
  std::vector<std::thread> threads;
  std::atomic<int> right{0};
  for (int t = 0; t < 8; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < 25; ++i) {
        grpc::ClientContext context;
        v1::ClassifyRequest request;
        v1::ClassifyResponse response;
        v1::Item* item = request.add_items();
        item->set_text("good");
        item->set_id(std::to_string(t * 100 + i));
        const grpc::Status status = stub_->Classify(&context, request, &response);
        right += status.ok() && response.results(0).id() == item->id();
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(right.load(), 200);
}

class BlockedClassifierTest : public ClassifierServiceTest {
 protected:
  BlockedClassifierTest()
      : ClassifierServiceTest(std::make_shared<service::PuppetProfile>(
            [this](const encoder::PackedBatch& batch, absl::Span<float> logits) {
              if (++runs_ == 1) {
                entered_.set_value();
                release_.get_future().wait();
              }
              return service::PuppetProfile::CountTokens(batch, logits);
            })) {}

  std::atomic<int> runs_{0};
  std::promise<void> entered_, release_;
};

TEST_F(BlockedClassifierTest, ACallCancelledWhileItWaitsNeverRuns) {
  request_.add_items()->set_text("good");
  std::promise<void> first_done, second_done;
  stub_->async()->Classify(&context_, &request_, &response_, [&](grpc::Status) { first_done.set_value(); });
  entered_.get_future().wait();
  grpc::ClientContext second;
  v1::ClassifyResponse second_response;
  grpc::StatusCode code = grpc::StatusCode::OK;
  stub_->async()->Classify(&second, &request_, &second_response, [&](grpc::Status status) {
    code = status.error_code();
    second_done.set_value();
  });
  while (puppet_.permits.in_flight() < 2) std::this_thread::yield();
  second.TryCancel();
  second_done.get_future().wait();
  EXPECT_EQ(code, grpc::StatusCode::CANCELLED);
  // The server learns of it through a frame of its own; only then may the executor go on. Nothing shows that it has, as
  // the call waits for the executor; it takes a millisecond, or some hundred on a busy machine.
  std::this_thread::sleep_for(std::chrono::seconds(2));
  release_.set_value();
  first_done.get_future().wait();
  EXPECT_TRUE(puppet_.permits.WaitUntilIdle(std::chrono::seconds(60)));
  EXPECT_EQ(runs_.load(), 1);
}

}  // namespace
}  // namespace roberta::transport
