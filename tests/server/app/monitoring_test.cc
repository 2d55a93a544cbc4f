#include <gmock/gmock.h>
#include <grpcpp/generic/generic_stub.h>

#include <cmath>
#include <future>
#include <string>
#include <thread>

#include "grpc/health/v1/health.grpc.pb.h"
#include "tests/server/app/running_server.h"
#include "tests/server/metrics/exposed_metrics.h"
#include "tests/server/metrics/exposition.h"

namespace roberta::app {
namespace {

using metrics::Get;
using metrics::SumOf;
using ::testing::ContainsRegex;
using ::testing::StartsWith;

/// Sends bytes that no generated stub would send.
grpc::StatusCode SendBytes(RunningServer& running, const std::string& method, const std::string& bytes) {
  grpc::GenericStub generic(running.channel);
  grpc::ClientContext context;
  grpc::Slice slice(bytes);
  grpc::ByteBuffer out(&slice, 1), in;
  std::promise<grpc::StatusCode> promise;
  generic.UnaryCall(&context, method, grpc::StubOptions(), &out, &in,
                    [&](const grpc::Status& status) { promise.set_value(status.error_code()); });
  return promise.get_future().get();
}

/// The metrics, asked for until what is counted when a call has left is counted.
std::string ScrapeUntil(RunningServer& running, std::string_view name, const std::vector<std::string_view>& labels,
                        double value) {
  for (int i = 0; i < 6000; ++i) {
    std::string page = Get(running.server->metrics_port(), "/metrics");
    if (SumOf(page, name, labels) == value) return page;
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  ADD_FAILURE() << name << " was never " << value;
  return {};
}

TEST(Monitoring, AServerThatServesIsAliveAndReady) {
  RunningServer running;
  EXPECT_THAT(Get(running.server->metrics_port(), "/healthz"), StartsWith("HTTP/1.1 200 "));
  EXPECT_THAT(Get(running.server->metrics_port(), "/readyz"), StartsWith("HTTP/1.1 200 "));
}

TEST(Monitoring, WhenItStopsItIsNoLongerReadyWhileItStillServes) {
  RunningServer running;
  const uint16_t port = running.server->metrics_port();
  auto drained = std::async(std::launch::async,
                            [&] { return running.server->Drain(std::chrono::seconds(5), std::chrono::seconds(60)); });
  while (!Get(port, "/readyz").starts_with("HTTP/1.1 503 ")) {
  }
  EXPECT_THAT(Get(port, "/healthz"), StartsWith("HTTP/1.1 200 "));
  running.ExpectUnharmed();
  EXPECT_TRUE(drained.get());
}

TEST(Monitoring, CallsOfAllServicesAreCountedAsGrpcNamesThem) {
  RunningServer running;
  running.ExpectUnharmed();
  grpc::ClientContext list_context, health_context;
  v1::ListProfilesResponse profiles;
  EXPECT_TRUE(running.profiles->ListProfiles(&list_context, {}, &profiles).ok());
  grpc::health::v1::HealthCheckResponse health;
  EXPECT_TRUE(grpc::health::v1::Health::NewStub(running.channel)->Check(&health_context, {}, &health).ok());
  EXPECT_EQ(SendBytes(running, "/roberta.v1.Profiles/LoadProfile", "no message"), grpc::StatusCode::INVALID_ARGUMENT);

  const std::string page = Get(running.server->metrics_port(), "/metrics");
  for (const auto& [method, status] :
       {std::pair("roberta.v1.Classifier/Classify", "OK"), std::pair("roberta.v1.Profiles/ListProfiles", "OK"),
        std::pair("roberta.v1.Profiles/LoadProfile", "INVALID_ARGUMENT"),
        std::pair("grpc.health.v1.Health/Check", "OK")}) {
    const std::string label = std::string("grpc_method=\"") + method + "\"";
    const std::string status_label = std::string("grpc_status=\"") + status + "\"";
    EXPECT_EQ(SumOf(page, "grpc_server_call_started_total", {label}), 1) << method;
    EXPECT_EQ(SumOf(page, "grpc_server_call_ended_total", {label, status_label}), 1) << method;
    EXPECT_EQ(SumOf(page, "grpc_server_call_ended_total", {label}), 1) << method;
    EXPECT_EQ(SumOf(page, "grpc_server_call_duration_seconds_count", {label}), 1) << method;
  }
  EXPECT_EQ(SumOf(page, "grpc_server_call_started_total"), 4);
}

TEST(Monitoring, ACallThatItsClientCancelsEndsInTheBooks) {
  RunningServer running;
  auto stub = grpc::health::v1::Health::NewStub(running.channel);
  grpc::ClientContext context;
  auto watch = stub->Watch(&context, {});
  grpc::health::v1::HealthCheckResponse health;
  ASSERT_TRUE(watch->Read(&health));
  context.TryCancel();
  EXPECT_EQ(watch->Finish().error_code(), grpc::StatusCode::CANCELLED);
  ScrapeUntil(running, "grpc_server_call_duration_seconds_count", {"grpc_method=\"grpc.health.v1.Health/Watch\""}, 1);
}

TEST(Monitoring, AMessageThatIsNoneIsACallThatFailed) {
  RunningServer running;
  int sent = 0;
  for (const char* method : {"Classifier/Classify", "Classifier/Compare", "Profiles/LoadProfile",
                             "Profiles/UnloadProfile", "Profiles/SetDefaultProfile"}) {
    SendBytes(running, std::string("/roberta.v1.") + method, "no message");
    ++sent;
  }
  const std::string page = Get(running.server->metrics_port(), "/metrics");
  EXPECT_EQ(SumOf(page, "roberta_requests_total", {"code=\"INVALID_ARGUMENT\""}), sent);
  EXPECT_EQ(SumOf(page, "roberta_request_failures_total", {"reason=\"malformed_message\""}), sent);
  EXPECT_EQ(SumOf(page, "roberta_inflight_requests"), 0);
}

TEST(Monitoring, PhasesAddUpToTheDurationOfRealCalls) {
  RunningServer running;
  for (int i = 0; i < 20; ++i) running.ExpectUnharmed();
  v1::ClassifyRequest bad;
  bad.add_items()->set_text(" ");
  running.Classify(bad);
  const std::string page = Get(running.server->metrics_port(), "/metrics");
  EXPECT_GT(SumOf(page, "roberta_phase_duration_seconds_sum"), 0);
  EXPECT_NEAR(SumOf(page, "roberta_phase_duration_seconds_sum"),
              SumOf(page, "roberta_request_duration_seconds_sum", {"method=\"Classify\""}), 1e-7);
}

TEST(Monitoring, WhatWasUnloadedDoesNotLookLikeWhatFailed) {
  RunningServer running;
  const auto sum = [&](std::string_view name) {
    return SumOf(Get(running.server->metrics_port(), "/metrics"), name, {"profile=\"quantized\""});
  };
  grpc::ClientContext load_context, unload_context;
  v1::LoadProfileRequest load;
  v1::LoadProfileResponse loaded;
  load.set_name("quantized");
  ASSERT_TRUE(running.profiles->LoadProfile(&load_context, load, &loaded).ok());
  EXPECT_EQ(sum("roberta_profile_ready"), 1);
  EXPECT_GT(sum("roberta_profile_load_duration_seconds"), 0);
  EXPECT_GT(sum("roberta_profile_agreement_ratio"), 0.5);
  v1::UnloadProfileRequest unload;
  v1::UnloadProfileResponse unloaded;
  unload.set_name("quantized");
  ASSERT_TRUE(running.profiles->UnloadProfile(&unload_context, unload, &unloaded).ok());
  EXPECT_EQ(sum("roberta_profile_ready"), 0);
  EXPECT_EQ(sum("roberta_profile_load_duration_seconds"), 0);
  EXPECT_TRUE(std::isnan(sum("roberta_profile_agreement_ratio")));
}

TEST(Monitoring, TheBuildIsNamed) {
  RunningServer running;
  EXPECT_THAT(
      Get(running.server->metrics_port(), "/metrics"),
      ContainsRegex("roberta_build_info\\{git=\"[^\"]+\",isa=\"[^\"]+\",libtorch=\"[0-9.]+\",onednn=\"[0-9.]+\","));
}

}  // namespace
}  // namespace roberta::app
