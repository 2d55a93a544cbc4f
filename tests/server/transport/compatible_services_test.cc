#include "server/transport/compatible_services.h"

#include <gmock/gmock.h>
#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>

#include <atomic>
#include <future>
#include <thread>

#include "server/transport/rpc_counter.h"
#include "server/transport/unary_reactor.h"
#include "tests/server/service/puppet_server.h"

namespace roberta::transport {
namespace {

using ::testing::HasSubstr;

/// A stream of a service that has no stub. One thread may write while another one reads.
class RawStream {
 public:
  RawStream(const std::shared_ptr<grpc::Channel>& channel, const std::string& method)
      : stub_(channel), stream_(stub_.PrepareCall(&context_, method, &queue_)), pump_([this] {
          void* tag = nullptr;
          for (bool ok = false; queue_.Next(&tag, &ok);) static_cast<std::promise<bool>*>(tag)->set_value(ok);
        }) {
    Do([&](void* tag) { stream_->StartCall(tag); });
  }
  ~RawStream() {
    queue_.Shutdown();
    pump_.join();
  }

  bool Write(const google::protobuf::MessageLite& message) {
    grpc::ByteBuffer bytes;
    EXPECT_TRUE(WriteMessage(message, &bytes).ok());
    return Do([&](void* tag) { stream_->Write(bytes, tag); });
  }
  void WritesDone() {
    Do([&](void* tag) { stream_->WritesDone(tag); });
  }
  bool Read(google::protobuf::MessageLite* message) {
    grpc::ByteBuffer bytes;
    return Do([&](void* tag) { stream_->Read(&bytes, tag); }) && ReadMessage(bytes, message).ok();
  }
  grpc::Status Finish() {
    grpc::Status status;
    Do([&](void* tag) { stream_->Finish(&status, tag); });
    return status;
  }
  void Cancel() { context_.TryCancel(); }

 private:
  template <typename Start>
  static bool Do(const Start& start) {
    std::promise<bool> done;
    start(&done);
    return done.get_future().get();
  }

  grpc::ClientContext context_;
  grpc::CompletionQueue queue_;
  grpc::GenericStub stub_;
  std::unique_ptr<grpc::GenericClientAsyncReaderWriter> stream_;
  std::thread pump_;
};

class CompatibleServicesTest : public testing::Test {
 protected:
  explicit CompatibleServicesTest(
      std::shared_ptr<const encoder::Profile> profile = std::make_shared<service::PuppetProfile>(),
      size_t capacity = 64)
      : puppet_(std::move(profile), capacity) {
    grpc::ServerBuilder builder;
    services_.Register(&builder);
    server_ = builder.BuildAndStart();
    channel_ = server_->InProcessChannel({});
  }
  ~CompatibleServicesTest() override { server_->Shutdown(std::chrono::system_clock::now() + std::chrono::seconds(60)); }

  grpc::Status Call(const std::string& method, const google::protobuf::MessageLite& request,
                    google::protobuf::MessageLite* response) {
    grpc::GenericStub stub(channel_);
    grpc::ClientContext context;
    grpc::ByteBuffer out, in;
    EXPECT_TRUE(WriteMessage(request, &out).ok());
    std::promise<grpc::Status> promise;
    stub.UnaryCall(&context, method, grpc::StubOptions(), &out, &in,
                   [&](grpc::Status status) { promise.set_value(std::move(status)); });
    const grpc::Status status = promise.get_future().get();
    if (status.ok() && response != nullptr) {
      EXPECT_TRUE(ReadMessage(in, response).ok());
    }
    return status;
  }
  static tei::v1::PredictRequest Text(const std::string& text) {
    tei::v1::PredictRequest request;
    request.set_inputs(text);
    return request;
  }

  service::PuppetServer puppet_;
  service::Tokenization tokenization_{puppet_.parts};
  service::ProfileAdministration administration_{puppet_.parts};
  CompatibleServices services_{{&puppet_.parts, {}, &puppet_.classification, &tokenization_, &administration_}};
  std::unique_ptr<grpc::Server> server_;
  std::shared_ptr<grpc::Channel> channel_;
};

TEST_F(CompatibleServicesTest, EveryMethodIsServedOrSaysWhyNot) {
  int served = 0, unserved = 0;
  for (const char* file : {"tei/v1/tei.proto", "inference/grpc_service.proto"}) {
    const auto* const descriptor = google::protobuf::DescriptorPool::generated_pool()->FindFileByName(file);
    for (int s = 0; s < descriptor->service_count(); ++s) {
      for (int m = 0; m < descriptor->service(s)->method_count(); ++m) {
        const auto* const method = descriptor->service(s)->method(m);
        const std::string name = "/" + method->service()->full_name() + "/" + method->name();
        const char* const why = WhyUnserved(name);
        const grpc::Status status = Call(name, tei::v1::InfoRequest(), nullptr);
        EXPECT_EQ(status.error_code() == grpc::StatusCode::UNIMPLEMENTED, why != nullptr) << name;
        if (why != nullptr) {
          EXPECT_EQ(status.error_message(), why);
        }
        ++(why == nullptr ? served : unserved);
      }
    }
  }
  EXPECT_EQ(served, 19);
  EXPECT_EQ(unserved, 18);
}

TEST_F(CompatibleServicesTest, MetricsKnowTheMethodsThatAreServed) {
  for (const std::vector<std::string>& names : {RpcMethods(), CompatibleRpcMethods()}) {
    for (const std::string& name : names) EXPECT_EQ(WhyUnserved(name), nullptr) << name;
  }
  EXPECT_EQ(RpcMethods().size(), 9u);
  EXPECT_EQ(CompatibleRpcMethods().size(), 19u + 2 + 1);  // with reflection and load reports
}

TEST_F(CompatibleServicesTest, AnAnswerIsThatOfTheService) {
  tei::v1::PredictResponse response;
  const grpc::Status status = Call("/tei.v1.Predict/Predict", Text("good"), &response);
  ASSERT_TRUE(status.ok()) << status.error_message();
  EXPECT_EQ(response.metadata().compute_tokens(), 3u);
}

TEST_F(CompatibleServicesTest, ResponsesComeInTheOrderOfTheRequests) {
  RawStream stream(channel_, "/tei.v1.Predict/PredictStream");
  std::thread writer([&] {
    for (int i = 0; i < 100; ++i) EXPECT_TRUE(stream.Write(Text(i % 2 == 0 ? "good" : "a good film")));
    stream.WritesDone();
  });
  tei::v1::PredictResponse response;
  for (int i = 0; i < 100; ++i) {
    ASSERT_TRUE(stream.Read(&response));
    EXPECT_EQ(response.metadata().compute_tokens(), i % 2 == 0 ? 3u : 5u);
  }
  EXPECT_FALSE(stream.Read(&response));
  writer.join();
  EXPECT_TRUE(stream.Finish().ok());
}

TEST_F(CompatibleServicesTest, WhatIsSentAfterABadRequestHarmsNothing) {
  for (int round = 0; round < 20; ++round) {
    RawStream stream(channel_, "/tei.v1.Predict/PredictStream");
    for (int i = 0; i < 100 && stream.Write(Text(i == 0 ? " " : "good")); ++i) {
    }
    const grpc::Status status = stream.Finish();
    EXPECT_EQ(status.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
    EXPECT_EQ(status.error_message(), "inputs: the text is blank");
  }
}

TEST_F(CompatibleServicesTest, AnIdleStreamEndsWhenTheServerStops) {
  RawStream stream(channel_, "/tei.v1.Predict/PredictStream");
  stream.Write(Text("good"));
  tei::v1::PredictResponse response;
  ASSERT_TRUE(stream.Read(&response));
  services_.Drain();
  EXPECT_FALSE(stream.Read(&response));
  const grpc::Status status = stream.Finish();
  EXPECT_EQ(status.error_code(), grpc::StatusCode::UNAVAILABLE);
  EXPECT_NE(status.error_message(), "");
  RawStream late(channel_, "/inference.GRPCInferenceService/ModelStreamInfer");
  EXPECT_EQ(late.Finish().error_code(), grpc::StatusCode::UNAVAILABLE);
}

TEST_F(CompatibleServicesTest, AReflectionStreamIsAnsweredByTheSameMessagesInBothVersions) {
  for (const char* version : {"v1", "v1alpha"}) {
    RawStream stream(channel_, std::string("/grpc.reflection.") + version + ".ServerReflection/ServerReflectionInfo");
    grpc::reflection::v1::ServerReflectionRequest request;
    request.set_list_services("");
    stream.Write(request);
    grpc::reflection::v1::ServerReflectionResponse response;
    ASSERT_TRUE(stream.Read(&response));
    EXPECT_EQ(response.list_services_response().service_size(), static_cast<int>(ServicesOnPort().size()));
    stream.WritesDone();
    EXPECT_TRUE(stream.Finish().ok());
  }
}

TEST_F(CompatibleServicesTest, AStreamWhoseClientTakesNothingCanBeEnded) {
  RawStream stream(channel_, "/tei.v1.Predict/PredictStream");
  for (int i = 0; i < 4; ++i) stream.Write(Text("good"));
  std::future<grpc::Status> end = std::async(std::launch::async, [&] { return stream.Finish(); });
  while (end.wait_for(std::chrono::milliseconds(5)) != std::future_status::ready) {
    services_.EndWritesSince(call::PhaseClock::Clock::now() - std::chrono::milliseconds(100));
  }
  EXPECT_EQ(end.get().error_code(), grpc::StatusCode::DEADLINE_EXCEEDED);
}

class OneCallAtATimeTest : public CompatibleServicesTest {
 protected:
  OneCallAtATimeTest() : CompatibleServicesTest(std::make_shared<service::PuppetProfile>(), 1) {}
};

TEST_F(OneCallAtATimeTest, AStreamWaitsWhereCallsAreRefused) {
  RawStream stream(channel_, "/tei.v1.Predict/PredictStream");
  std::thread writer([&] {
    for (int i = 0; i < 20; ++i) EXPECT_TRUE(stream.Write(Text("good")));
    stream.WritesDone();
  });
  tei::v1::PredictResponse response;
  for (int i = 0; i < 20; ++i) EXPECT_TRUE(stream.Read(&response)) << i;
  writer.join();
  EXPECT_TRUE(stream.Finish().ok());
}

class BlockedServicesTest : public CompatibleServicesTest {
 protected:
  BlockedServicesTest()
      : CompatibleServicesTest(std::make_shared<service::PuppetProfile>(
            [this](const encoder::PackedBatch& batch, absl::Span<float> logits) {
              if (!entered_.exchange(true)) {
                first_.set_value();
                release_.get_future().wait();
              }
              return service::PuppetProfile::CountTokens(batch, logits);
            })) {}

  std::atomic<bool> entered_{false};
  std::promise<void> first_, release_;
};

TEST_F(BlockedServicesTest, AStreamTakesOnlySoManyRequestsBeforeItAnswers) {
  RawStream stream(channel_, "/tei.v1.Predict/PredictStream");
  std::thread writer([&] {
    for (int i = 0; i < 200; ++i) EXPECT_TRUE(stream.Write(Text("good")));
    stream.WritesDone();
  });
  first_.get_future().wait();
  while (puppet_.permits.in_flight() < 32) std::this_thread::yield();
  std::this_thread::sleep_for(std::chrono::milliseconds(100));
  EXPECT_EQ(puppet_.permits.in_flight(), 32u);
  release_.set_value();
  tei::v1::PredictResponse response;
  for (int i = 0; i < 200; ++i) EXPECT_TRUE(stream.Read(&response));
  writer.join();
  EXPECT_TRUE(stream.Finish().ok());
}

TEST_F(BlockedServicesTest, ACancelledStreamGivesItsPermitsBack) {
  {
    RawStream stream(channel_, "/tei.v1.Predict/PredictStream");
    for (int i = 0; i < 8; ++i) stream.Write(Text("good"));
    first_.get_future().wait();
    while (puppet_.permits.in_flight() < 8) std::this_thread::yield();
    stream.Cancel();
    EXPECT_EQ(stream.Finish().error_code(), grpc::StatusCode::CANCELLED);
  }
  release_.set_value();
  EXPECT_TRUE(puppet_.permits.WaitUntilIdle(std::chrono::seconds(60)));
}

}  // namespace
}  // namespace roberta::transport
