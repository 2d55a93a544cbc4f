#include "server/transport/gate.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <condition_variable>
#include <future>
#include <mutex>
#include <vector>

#include "roberta/v1/profiles.grpc.pb.h"
#include "server/transport/services.h"
#include "tests/server/service/puppet_server.h"

namespace roberta::transport {
namespace {

using ::testing::HasSubstr;

/// A server that knows one token, with a single place for answers that wait.
class GateTest : public ::testing::Test {
 protected:
  explicit GateTest(std::chrono::milliseconds delay = std::chrono::milliseconds(100))
      : guard_({.anonymous_role = security::Role::kNone, .failure_delay = delay, .max_delayed_failures = 1}) {
    guard_.Use(
        {{.caller = {.name = "app", .role = security::Role::kInference}, .token_sha256 = security::HashOf("token")}});
    grpc::ServerBuilder builder;
    builder.RegisterService(&service_);
    server_ = builder.BuildAndStart();
    stub_ = v1::Classifier::NewStub(server_->InProcessChannel({}));
  }
  ~GateTest() override { server_->Shutdown(); }

  /// Starts a call that is answered on another thread.
  struct Started {
    grpc::ClientContext context;
    v1::ClassifyRequest request;
    v1::ClassifyResponse response;
    grpc::Status status;
    bool ended = false;  ///< guarded by mutex_
  };
  void Start(Started* call, const std::vector<std::string>& authorizations) {
    for (const std::string& authorization : authorizations) call->context.AddMetadata("authorization", authorization);
    call->request.add_items()->set_text("good");
    stub_->async()->Classify(&call->context, &call->request, &call->response, [this, call](grpc::Status status) {
      const std::lock_guard lock(mutex_);
      call->status = std::move(status);
      call->ended = true;
      changed_.notify_all();
    });
  }
  void Wait(const Started& call) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return call.ended; });
  }
  grpc::Status Call(const std::vector<std::string>& authorizations) {
    Started call;
    Start(&call, authorizations);
    Wait(call);
    trailers_.clear();
    for (const auto& [key, value] : call.context.GetServerTrailingMetadata()) {
      trailers_.emplace(std::string(key.data(), key.size()), std::string(value.data(), value.size()));
    }
    return call.status;
  }

  std::mutex mutex_;
  std::condition_variable changed_;
  security::Guard guard_;
  service::PuppetServer puppet_{std::make_shared<service::PuppetProfile>()};
  ClassifierService service_{&puppet_.classification, &puppet_.streams, &puppet_.comparison, &guard_};
  std::unique_ptr<grpc::Server> server_;
  std::unique_ptr<v1::Classifier::Stub> stub_;
  std::multimap<std::string, std::string> trailers_;
};

class PromptGateTest : public GateTest {
 protected:
  PromptGateTest() : GateTest(std::chrono::milliseconds(0)) {}
};

class SlowGateTest : public GateTest {
 protected:
  SlowGateTest() : GateTest(std::chrono::hours(1)) {}
};

TEST_F(SlowGateTest, WhoIsKnownOrFindsNoPlaceToWaitDoesNotWait) {
  EXPECT_TRUE(Call({"Bearer token"}).ok());
  const security::Delay place = guard_.TakeDelay("");
  EXPECT_EQ(Call({"Bearer other"}).error_code(), grpc::StatusCode::UNAUTHENTICATED);
}

TEST_F(PromptGateTest, ATokenOpensIt) {
  EXPECT_TRUE(Call({"Bearer token"}).ok());
  const grpc::Status refused = Call({});
  EXPECT_EQ(refused.error_code(), grpc::StatusCode::UNAUTHENTICATED);
  EXPECT_THAT(refused.error_message(), HasSubstr("needs the role inference"));
}

TEST_F(PromptGateTest, ARefusedCallHasARequestIdAndSaysHowToAuthenticate) {
  Call({"Bearer other"});
  EXPECT_EQ(trailers_.count("x-request-id"), 1u);
  ASSERT_EQ(trailers_.count("www-authenticate"), 1u);
  EXPECT_EQ(trailers_.find("www-authenticate")->second, "Bearer");
}

TEST_F(PromptGateTest, TwoTokensAreNone) {
  EXPECT_THAT(Call({"Bearer token", "Bearer token"}).error_message(), HasSubstr("not one \"Bearer TOKEN\""));
}

TEST_F(PromptGateTest, ARefusedStreamEndsWithoutReading) {
  grpc::ClientContext context;
  context.AddMetadata("authorization", "Bearer other");
  const auto stream = stub_->ClassifyStream(&context);
  v1::ClassifyStreamResponse response;
  while (stream->Read(&response)) {
  }
  EXPECT_EQ(stream->Finish().error_code(), grpc::StatusCode::UNAUTHENTICATED);
}

TEST_F(GateTest, AnAnswerToWrongCredentialsWaits) {
  const auto start = std::chrono::steady_clock::now();
  EXPECT_EQ(Call({"Bearer other"}).error_code(), grpc::StatusCode::UNAUTHENTICATED);
  EXPECT_GE(std::chrono::steady_clock::now() - start, std::chrono::milliseconds(100));
}

TEST_F(GateTest, AClientThatLeavesMeanwhileHarmsNothing) {
  Started wrong;
  Start(&wrong, {"Bearer other"});
  while (guard_.TakeDelay("").length.count() != 0) std::this_thread::yield();
  wrong.context.TryCancel();
  Wait(wrong);
  EXPECT_EQ(wrong.status.error_code(), grpc::StatusCode::CANCELLED);
  while (guard_.TakeDelay("").length.count() == 0) std::this_thread::yield();  // its place is free again
}

}  // namespace
}  // namespace roberta::transport
