#include "server/app/server.h"

#include <gmock/gmock.h>

#include <atomic>
#include <thread>
#include <vector>

#include "grpc/health/v1/health.grpc.pb.h"
#include "profiles/registry/recipes.h"
#include "tests/server/app/running_server.h"

namespace roberta::app {
namespace {

using ::grpc::health::v1::HealthCheckRequest;
using ::grpc::health::v1::HealthCheckResponse;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

HealthCheckResponse::ServingStatus Health(RunningServer& running, const std::string& service) {
  auto stub = grpc::health::v1::Health::NewStub(running.channel);
  grpc::ClientContext context;
  HealthCheckRequest request;
  HealthCheckResponse response;
  request.set_service(service);
  const grpc::Status status = stub->Check(&context, request, &response);
  return status.ok() ? response.status() : HealthCheckResponse::SERVICE_UNKNOWN;
}

TEST(Server, ClassifiesWithTheRealModel) {
  RunningServer().ExpectUnharmed();
}

TEST(Server, PhasesOfARealAnswerAddUp) {
  RunningServer running;
  v1::ClassifyRequest request;
  for (int i = 0; i < 20; ++i) request.add_items()->set_text("an honest drama with a weak last act");
  int longer_inference = 0;
  for (int i = 0; i < 20; ++i) {
    const auto answer = running.Classify(request);
    ASSERT_TRUE(answer.status.ok());
    const v1::Phases& phases = answer.response.phases();
    EXPECT_EQ(phases.tokenize_ns() + phases.queue_ns() + phases.form_ns() + phases.infer_ns() + phases.post_ns(),
              phases.total_ns());
    longer_inference += phases.infer_ns() > phases.tokenize_ns();
  }
  EXPECT_GT(longer_inference, 10) << "a busy machine may hold up the tokenizer's thread, but not most of the time";
}

TEST(Server, ListsEveryProfileWithItsState) {
  RunningServer running;
  grpc::ClientContext context;
  v1::ListProfilesResponse response;
  ASSERT_TRUE(running.profiles->ListProfiles(&context, {}, &response).ok());
  std::vector<std::pair<std::string, std::string>> listed, built_in;
  for (const v1::ProfileInfo& info : response.profiles()) listed.emplace_back(info.name(), info.summary());
  for (const registry::Recipe& recipe : registry::BuiltInRecipes()) built_in.emplace_back(recipe.name, recipe.summary);
  EXPECT_EQ(listed, built_in);
  EXPECT_EQ(response.profiles(0).state(), v1::READY);
  EXPECT_EQ(response.profiles(0).precision(), "fp32");
  EXPECT_GT(response.profiles(0).weight_bytes(), 1 << 20);
  EXPECT_EQ(response.profiles(1).state(), v1::UNLOADED);
  EXPECT_NE(response.profiles(1).reason(), "");
  EXPECT_EQ(response.default_profile(), "baseline");
  EXPECT_THAT(std::vector<std::string>(response.labels().begin(), response.labels().end()),
              ElementsAre("negative", "positive"));
  EXPECT_EQ(response.max_tokens(), 512u);
}

TEST(Server, AProfileThatIsNotLoadedIsAFailedPrecondition) {
  RunningServer running;
  v1::ClassifyRequest request;
  request.add_items()->set_text("good");
  request.set_profile("reference");
  const auto answer = running.Classify(request);
  EXPECT_EQ(answer.status.error_code(), grpc::StatusCode::FAILED_PRECONDITION);
  EXPECT_THAT(answer.status.error_message(), HasSubstr("reference"));
}

TEST(Server, HealthKnowsTheServerItsServicesAndItsProfiles) {
  RunningServer running;
  for (const char* name : {"", "roberta.v1.Classifier", "roberta.v1.Profiles", "profile/baseline"}) {
    EXPECT_EQ(Health(running, name), HealthCheckResponse::SERVING) << name;
  }
  EXPECT_EQ(Health(running, "nobody"), HealthCheckResponse::SERVICE_UNKNOWN);
}

TEST(Server, WatchersSeeTheServerStop) {
  RunningServer running;
  auto stub = grpc::health::v1::Health::NewStub(running.channel);
  grpc::ClientContext context;
  auto reader = stub->Watch(&context, HealthCheckRequest());
  HealthCheckResponse response;
  ASSERT_TRUE(reader->Read(&response));
  EXPECT_EQ(response.status(), HealthCheckResponse::SERVING);
  std::thread drain([&] { running.server->Drain(std::chrono::milliseconds(500), std::chrono::seconds(10)); });
  ASSERT_TRUE(reader->Read(&response));
  EXPECT_EQ(response.status(), HealthCheckResponse::NOT_SERVING);
  context.TryCancel();
  drain.join();
}

TEST(Server, ASecondServerOnThePortIsAnError) {
  RunningServer running;
  config::ServerConfig config = DemoConfig();
  config.mutable_listen()->set_port(running.server->port());
  const auto second = Server::Start(config);
  EXPECT_EQ(second.status().code(), absl::StatusCode::kAlreadyExists);
  EXPECT_THAT(std::string(second.status().message()), HasSubstr(std::to_string(running.server->port())));
}

TEST(Server, AMetricsPortInUseIsAnError) {
  RunningServer running;
  config::ServerConfig config = DemoConfig();
  config.mutable_listen()->set_metrics_port(running.server->metrics_port());
  EXPECT_EQ(Server::Start(config).status().code(), absl::StatusCode::kAlreadyExists);
}

TEST(Server, DrainFinishesWhatWasAcceptedAndRefusesTheRest) {
  config::ServerConfig config = DemoConfig();
  config.mutable_execution()->set_executors(1);
  RunningServer running(config);
  v1::ClassifyRequest request;
  for (int i = 0; i < 64; ++i) request.add_items()->set_text("a long and winding story about very little indeed");
  std::atomic<int> answered{0}, refused{0}, lost{0};
  std::vector<std::thread> threads;
  std::atomic<bool> stop{false};
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      while (!stop) {
        const auto answer = running.Classify(request);
        if (answer.status.ok() && answer.response.results_size() == 64) {
          ++answered;
        } else if (answer.status.error_code() == grpc::StatusCode::UNAVAILABLE) {
          ++refused;
          return;
        } else {
          ++lost;
          ADD_FAILURE() << answer.status.error_code() << " " << answer.status.error_message();
        }
      }
    });
  }
  while (answered < 2) std::this_thread::yield();
  EXPECT_TRUE(running.server->Drain(std::chrono::milliseconds(0), std::chrono::seconds(60)));
  stop = true;
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(lost.load(), 0);
  EXPECT_GE(answered.load(), 2);
}

}  // namespace
}  // namespace roberta::app
