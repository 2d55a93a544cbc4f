// grpc.health.v1 through gRPC, in process.
#include "server/transport/health.h"

#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "grpc/health/v1/health.grpc.pb.h"

namespace roberta::transport {
namespace {

using grpc::health::v1::Health;
using grpc::health::v1::HealthCheckRequest;
using grpc::health::v1::HealthCheckResponse;

HealthCheckRequest About(const std::string& service) {
  HealthCheckRequest request;
  request.set_service(service);
  return request;
}

class HealthTest : public testing::Test {
 protected:
  /// A watch by a client.
  struct Watching {
    Watching(Health::Stub* stub, const std::string& service) : reader(stub->Watch(&context, About(service))) {}
    /// UNKNOWN if the watch has ended.
    HealthCheckResponse::ServingStatus Next() {
      HealthCheckResponse response;
      return reader->Read(&response) ? response.status() : HealthCheckResponse::UNKNOWN;
    }
    grpc::ClientContext context;
    std::unique_ptr<grpc::ClientReader<HealthCheckResponse>> reader;
  };

  HealthTest() {
    grpc::ServerBuilder builder;
    builder.RegisterService(&health_);
    server_ = builder.BuildAndStart();
    stub_ = Health::NewStub(server_->InProcessChannel({}));
    health_.Set("", true);
    health_.Set("profile/good", false);
  }
  ~HealthTest() override {
    health_.EndWatches();
    server_->Shutdown();
  }

  grpc::Status Check(const std::string& service, HealthCheckResponse* response) {
    grpc::ClientContext context;
    return stub_->Check(&context, About(service), response);
  }

  HealthService health_;
  std::unique_ptr<grpc::Server> server_;
  std::unique_ptr<Health::Stub> stub_;
};

TEST_F(HealthTest, CheckSaysWhatWasSet) {
  HealthCheckResponse response;
  EXPECT_TRUE(Check("", &response).ok());
  EXPECT_EQ(response.status(), HealthCheckResponse::SERVING);
  EXPECT_TRUE(Check("profile/good", &response).ok());
  EXPECT_EQ(response.status(), HealthCheckResponse::NOT_SERVING);
  health_.Set("profile/good", true);
  EXPECT_TRUE(Check("profile/good", &response).ok());
  EXPECT_EQ(response.status(), HealthCheckResponse::SERVING);
}

TEST_F(HealthTest, CheckOfANameThatNobodyKnowsIsNotFound) {
  HealthCheckResponse response;
  EXPECT_EQ(Check("nobody", &response).error_code(), grpc::StatusCode::NOT_FOUND);
}

TEST_F(HealthTest, AWatchBeginsWithWhatIsAndGoesOnWithWhatChanges) {
  Watching watch(stub_.get(), "profile/good");
  EXPECT_EQ(watch.Next(), HealthCheckResponse::NOT_SERVING);
  health_.Set("profile/good", false);  // no change
  health_.Set("profile/good", true);
  EXPECT_EQ(watch.Next(), HealthCheckResponse::SERVING);
}

TEST_F(HealthTest, ANameThatNobodyKnowsCanBeWatchedUntilItIsKnown) {
  Watching watch(stub_.get(), "later");
  EXPECT_EQ(watch.Next(), HealthCheckResponse::SERVICE_UNKNOWN);
  health_.Set("later", true);
  EXPECT_EQ(watch.Next(), HealthCheckResponse::SERVING);
}

TEST_F(HealthTest, OnceStoppedNothingIsServedWhateverIsSet) {
  Watching watch(stub_.get(), "");
  EXPECT_EQ(watch.Next(), HealthCheckResponse::SERVING);
  health_.Stop();
  EXPECT_EQ(watch.Next(), HealthCheckResponse::NOT_SERVING);
  health_.Set("", true);
  HealthCheckResponse response;
  EXPECT_TRUE(Check("", &response).ok());
  EXPECT_EQ(response.status(), HealthCheckResponse::NOT_SERVING);
}

TEST_F(HealthTest, WatchesCanBeEndedNowAndInTheFuture) {
  Watching before(stub_.get(), "");
  EXPECT_EQ(before.Next(), HealthCheckResponse::SERVING);
  health_.EndWatches();
  EXPECT_EQ(before.reader->Finish().error_code(), grpc::StatusCode::UNAVAILABLE);
  Watching after(stub_.get(), "");
  EXPECT_EQ(after.reader->Finish().error_code(), grpc::StatusCode::UNAVAILABLE);
}

TEST_F(HealthTest, LongNamesAreRefused) {
  Watching watch(stub_.get(), std::string(201, 'x'));
  EXPECT_EQ(watch.reader->Finish().error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  Watching longest(stub_.get(), std::string(200, 'x'));
  EXPECT_EQ(longest.Next(), HealthCheckResponse::SERVICE_UNKNOWN);
}

TEST_F(HealthTest, AConnectionHasSoManyWatchesAndNoMore) {
  std::vector<std::unique_ptr<Watching>> watches;
  for (size_t i = 0; i < HealthService::kMostWatchesOfConnection; ++i) {
    watches.push_back(std::make_unique<Watching>(stub_.get(), ""));
    EXPECT_EQ(watches.back()->Next(), HealthCheckResponse::SERVING);
  }
  Watching beyond(stub_.get(), "");
  EXPECT_EQ(beyond.reader->Finish().error_code(), grpc::StatusCode::RESOURCE_EXHAUSTED);
  watches.front()->context.TryCancel();
  while (watches.front()->Next() != HealthCheckResponse::UNKNOWN) continue;
  // The server learns of that a little later.
  while (true) {
    Watching next(stub_.get(), "");
    if (next.Next() == HealthCheckResponse::SERVING) break;
  }
}

}  // namespace
}  // namespace roberta::transport
