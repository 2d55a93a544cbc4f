// ClassifyStream through gRPC, in process.
#include <gmock/gmock.h>
#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>

#include <atomic>
#include <future>
#include <random>
#include <thread>

#include "server/transport/services.h"
#include "tests/server/metrics/exposition.h"
#include "tests/server/service/puppet_server.h"

namespace roberta::transport {
namespace {

using namespace std::chrono_literals;

v1::ClassifyStreamRequest Texts(int count) {
  v1::ClassifyStreamRequest request;
  for (int i = 0; i < count; ++i) request.add_items()->set_text("good");
  return request;
}

class StreamOverTheWireTest : public testing::Test {
 protected:
  StreamOverTheWireTest()
      : puppet_(std::make_shared<service::PuppetProfile>(
            [this](const encoder::PackedBatch& batch, absl::Span<float> logits) {
              items_run_ += batch.sequences();
              if (held_ && !released_.exchange(true)) release_.get_future().wait();
              return service::PuppetProfile::CountTokens(batch, logits);
            })),
        service_(&puppet_.classification, &puppet_.streams, &puppet_.comparison) {
    grpc::ServerBuilder builder;
    builder.RegisterService(&service_);
    server_ = builder.BuildAndStart();
    stub_ = v1::Classifier::NewStub(server_->InProcessChannel({}));
  }
  ~StreamOverTheWireTest() override { server_->Shutdown(); }

  std::atomic<size_t> items_run_{0};
  std::atomic<bool> held_{false}, released_{false};
  std::promise<void> release_;
  service::PuppetServer puppet_;
  ClassifierService service_;
  std::unique_ptr<grpc::Server> server_;
  std::unique_ptr<v1::Classifier::Stub> stub_;
  grpc::ClientContext context_;
};

TEST_F(StreamOverTheWireTest, AnswersEveryItemOnce) {
  const auto stream = stub_->ClassifyStream(&context_);
  std::thread writer([&] {
    for (int i = 0; i < 100; ++i) EXPECT_TRUE(stream->Write(Texts(7)));
    EXPECT_TRUE(stream->WritesDone());
  });
  std::vector<int> answers(700);
  v1::ClassifyStreamResponse response, last;
  bool first = true;
  while (stream->Read(&response)) {
    EXPECT_EQ(response.has_start(), std::exchange(first, false));
    for (const v1::StreamResult& result : response.results()) ++answers.at(result.sequence());
    last.Swap(&response);
  }
  writer.join();
  const grpc::Status status = stream->Finish();
  EXPECT_TRUE(status.ok()) << status.error_message();
  EXPECT_THAT(answers, testing::Each(1));
  EXPECT_EQ(last.end().items_taken(), 700u);
  EXPECT_EQ(context_.GetServerTrailingMetadata().count("x-profile-used"), 1u);
}

TEST_F(StreamOverTheWireTest, TakesTheProfileFromMetadata) {
  context_.AddMetadata("x-profile", "quantized");
  const auto stream = stub_->ClassifyStream(&context_);
  stream->Write(Texts(1));
  v1::ClassifyStreamResponse response;
  while (stream->Read(&response)) {
  }
  EXPECT_EQ(response.end().items_taken(), 0u);
  EXPECT_EQ(stream->Finish().error_code(), grpc::StatusCode::FAILED_PRECONDITION);
}

TEST_F(StreamOverTheWireTest, AClientThatDoesNotReadIsNotServedBeyondTheBound) {
  const auto stream = stub_->ClassifyStream(&context_);
  std::thread writer([&] {
    while (stream->Write(Texts(10))) {
    }
  });
  while (items_run_ < 64) std::this_thread::yield();
  std::this_thread::sleep_for(100ms);
  EXPECT_LE(items_run_, 64u);
  context_.TryCancel();
  writer.join();
  EXPECT_EQ(stream->Finish().error_code(), grpc::StatusCode::CANCELLED);
}

TEST_F(StreamOverTheWireTest, AClientThatDoesNotReadIsToldWhyItsStreamWasEnded) {
  const auto stream = stub_->ClassifyStream(&context_);
  stream->Write(Texts(64));
  while (items_run_ < 64) std::this_thread::yield();
  while (puppet_.permits.in_flight() > 0) {
    puppet_.streams.EndWritesSince(std::chrono::steady_clock::now());
    std::this_thread::yield();
  }
  const grpc::Status status = stream->Finish();
  EXPECT_EQ(status.error_code(), grpc::StatusCode::DEADLINE_EXCEEDED);
  EXPECT_THAT(status.error_message(), testing::HasSubstr("does not read"));
}

TEST_F(StreamOverTheWireTest, WhatWaitsIsDroppedWhenTheClientCancels) {
  held_ = true;
  const auto stream = stub_->ClassifyStream(&context_);
  stream->Write(Texts(64));
  while (!released_) std::this_thread::yield();
  context_.TryCancel();
  EXPECT_EQ(stream->Finish().error_code(), grpc::StatusCode::CANCELLED);
  // The server learns of it through a frame of its own; only then may the executor go on.
  const auto booked = [&] { return metrics::SumOf(puppet_.metrics.Scrape(), "roberta_requests_total"); };
  while (booked() == 0) std::this_thread::sleep_for(1ms);
  const size_t run = items_run_;
  release_.set_value();
  EXPECT_TRUE(puppet_.permits.WaitUntilIdle(60s));
  EXPECT_EQ(items_run_, run);
}

TEST_F(StreamOverTheWireTest, WhatWaitsIsDroppedAtTheDeadline) {
  held_ = true;
  context_.set_deadline(std::chrono::system_clock::now() + 2s);  // time enough for the first batch to be run
  const auto stream = stub_->ClassifyStream(&context_);
  stream->Write(Texts(64));
  EXPECT_EQ(stream->Finish().error_code(), grpc::StatusCode::DEADLINE_EXCEEDED);
  const size_t run = items_run_;
  release_.set_value();
  EXPECT_TRUE(puppet_.permits.WaitUntilIdle(60s));
  EXPECT_EQ(items_run_, run);
}

TEST_F(StreamOverTheWireTest, ADrainReportsHowMuchWasAnswered) {
  const auto stream = stub_->ClassifyStream(&context_);
  stream->Write(Texts(5));
  v1::ClassifyStreamResponse response;
  ASSERT_TRUE(stream->Read(&response));
  EXPECT_EQ(response.results_size(), 5);
  puppet_.streams.Drain();
  ASSERT_TRUE(stream->Read(&response));
  EXPECT_EQ(response.end().items_taken(), 5u);
  EXPECT_FALSE(stream->Read(&response));
  EXPECT_EQ(stream->Finish().error_code(), grpc::StatusCode::UNAVAILABLE);
}

TEST_F(StreamOverTheWireTest, StreamsThatAreCancelledAnywhereLeaveNothingBehind) {
  std::vector<std::thread> threads;
  for (unsigned t = 0; t < 4; ++t) {
    threads.emplace_back([&, t] {
      std::mt19937 random(t);
      for (int i = 0; i < 50; ++i) {
        grpc::ClientContext context;
        const auto stream = stub_->ClassifyStream(&context);
        v1::ClassifyStreamResponse response;
        const auto messages = random() % 4;
        // In all less than the bound, for it writes without reading.
        for (unsigned m = 0; m < messages; ++m) stream->Write(Texts(1 + static_cast<int>(random() % 20)));
        if (messages > 0 && random() % 2 == 0) stream->Read(&response);
        if (random() % 3 != 0) context.TryCancel();
        stream->WritesDone();
        while (stream->Read(&response)) {
        }
        stream->Finish();
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_TRUE(puppet_.permits.WaitUntilIdle(60s));
  grpc::ClientContext context;
  v1::ClassifyRequest request;
  v1::ClassifyResponse response;
  request.add_items()->set_text("good");
  EXPECT_TRUE(stub_->Classify(&context, request, &response).ok());
}

}  // namespace
}  // namespace roberta::transport
