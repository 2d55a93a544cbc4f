#include <gmock/gmock.h>
#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>

#include <atomic>
#include <fstream>
#include <map>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "server/security/credentials.h"
#include "server/transport/rpc_counter.h"
#include "tests/server/app/running_server.h"

namespace roberta::app {
namespace {

using security::Role;
using ::testing::HasSubstr;

/// The role that the callers of each method need; every method on the port is here.
const std::map<std::string, Role> kNeeded = {
    {"grpc.health.v1.Health/Check", Role::kNone},
    {"grpc.health.v1.Health/Watch", Role::kNone},
    {"roberta.v1.Classifier/Classify", Role::kInference},
    {"roberta.v1.Classifier/ClassifyStream", Role::kInference},
    {"roberta.v1.Classifier/Compare", Role::kInference},
    {"roberta.v1.Profiles/ListProfiles", Role::kMetadata},
    {"roberta.v1.Profiles/LoadProfile", Role::kAdmin},
    {"roberta.v1.Profiles/UnloadProfile", Role::kAdmin},
    {"roberta.v1.Profiles/SetDefaultProfile", Role::kAdmin},
    {"tei.v1.Info/Info", Role::kMetadata},
    {"tei.v1.Predict/Predict", Role::kInference},
    {"tei.v1.Predict/PredictPair", Role::kInference},
    {"tei.v1.Predict/PredictStream", Role::kInference},
    {"tei.v1.Predict/PredictPairStream", Role::kInference},
    {"tei.v1.Tokenize/Tokenize", Role::kInference},
    {"tei.v1.Tokenize/TokenizeStream", Role::kInference},
    {"inference.GRPCInferenceService/ServerLive", Role::kNone},
    {"inference.GRPCInferenceService/ServerReady", Role::kNone},
    {"inference.GRPCInferenceService/ModelReady", Role::kNone},
    {"inference.GRPCInferenceService/ServerMetadata", Role::kMetadata},
    {"inference.GRPCInferenceService/ModelMetadata", Role::kMetadata},
    {"inference.GRPCInferenceService/ModelConfig", Role::kMetadata},
    {"inference.GRPCInferenceService/ModelStatistics", Role::kMetadata},
    {"inference.GRPCInferenceService/RepositoryIndex", Role::kMetadata},
    {"inference.GRPCInferenceService/ModelInfer", Role::kInference},
    {"inference.GRPCInferenceService/ModelStreamInfer", Role::kInference},
    {"inference.GRPCInferenceService/RepositoryModelLoad", Role::kAdmin},
    {"inference.GRPCInferenceService/RepositoryModelUnload", Role::kAdmin},
    {"xds.service.orca.v3.OpenRcaService/StreamCoreMetrics", Role::kMetadata},
    {"grpc.reflection.v1.ServerReflection/ServerReflectionInfo", Role::kMetadata},
    {"grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo", Role::kMetadata},
};

std::string TokenOf(Role role) {
  return absl::StrCat("token-of-", security::NameOf(role));
}

std::string CredentialsFile() {
  const std::string name = ::testing::TempDir() + "/access_test_credentials";
  std::ofstream file(name);
  for (const Role role : {Role::kMetadata, Role::kInference, Role::kAdmin}) {
    const security::Sha256 sha256 = security::HashOf(TokenOf(role));
    file << "the-" << security::NameOf(role) << " " << security::NameOf(role) << " "
         << absl::BytesToHexString(absl::string_view(reinterpret_cast<const char*>(sha256.data()), sha256.size()))
         << "\n";
  }
  return name;
}

config::ServerConfig GuardedConfig() {
  config::ServerConfig config = DemoConfig();
  config.mutable_access()->set_credentials_file(CredentialsFile());
  config.mutable_access()->set_anonymous_role("none");
  config.mutable_access()->set_failure_delay_ms(1);
  return config;
}

/// Sends one message that no method takes, as each method is to refuse a caller before it reads one. A Watch would not
/// end by itself.
grpc::StatusCode Call(const std::shared_ptr<grpc::Channel>& channel, const std::string& method,
                      const std::string& authorization) {
  grpc::ClientContext context;
  if (!authorization.empty()) context.AddMetadata("authorization", authorization);
  grpc::GenericStub stub(channel);
  grpc::CompletionQueue queue;
  const auto call = stub.PrepareCall(&context, "/" + method, &queue);
  const auto next = [&queue] {
    void* tag = nullptr;
    bool ok = false;
    return queue.Next(&tag, &ok) && ok;
  };
  grpc::Slice slice("\x0a\xff\xff\xff\xff\x0f not a message");
  grpc::ByteBuffer out(&slice, 1), in;
  grpc::Status status;
  call->StartCall(nullptr);
  next();
  call->WriteLast(out, grpc::WriteOptions(), nullptr);
  next();
  do {
    call->Read(&in, nullptr);
  } while (next());
  call->Finish(&status, nullptr);
  next();
  return status.error_code();
}

TEST(Access, EveryMethodHasARoleInThisTable) {
  std::set<std::string> methods;
  for (const auto& [method, role] : kNeeded) methods.insert(method);
  std::set<std::string> on_port;
  for (const std::vector<std::string>& names : {transport::RpcMethods(), transport::CompatibleRpcMethods()}) {
    on_port.insert(names.begin(), names.end());
  }
  EXPECT_EQ(methods, on_port);
}

TEST(Access, EveryMethodAsksForItsRole) {
  RunningServer running(GuardedConfig());
  for (const auto& [method, needed] : kNeeded) {
    for (const Role role : {Role::kNone, Role::kMetadata, Role::kInference, Role::kAdmin}) {
      const auto code = Call(running.channel, method, role == Role::kNone ? "" : "Bearer " + TokenOf(role));
      const std::string what = absl::StrCat(method, " by ", security::NameOf(role), ": ", code);
      EXPECT_EQ(code == grpc::StatusCode::UNAUTHENTICATED, role == Role::kNone && role < needed) << what;
      EXPECT_EQ(code == grpc::StatusCode::PERMISSION_DENIED, role != Role::kNone && role < needed) << what;
    }
    const auto wrong = Call(running.channel, method, "Bearer of nothing");
    EXPECT_EQ(wrong == grpc::StatusCode::UNAUTHENTICATED, needed != Role::kNone) << method;
  }
}

TEST(Access, ACallDoesNotWaitForTheManyOfAnotherCaller) {
  constexpr size_t kGreedyCalls = 240;
  struct Pending {
    grpc::ClientContext context;
    v1::ClassifyRequest request;
    v1::ClassifyResponse response;
  };
  const auto prepare = [](Role role, Pending* call) {
    call->context.AddMetadata("authorization", "Bearer " + TokenOf(role));
    std::string text = "a film";
    for (int i = 0; i < 50; ++i) text += " and";
    call->request.add_items()->set_text(text);
  };
  config::ServerConfig config = GuardedConfig();
  config.mutable_execution()->set_max_batch_tokens(128);
  RunningServer running(config);
  std::vector<Pending> greedy(kGreedyCalls);
  std::atomic<size_t> answered{0}, ended{0};
  for (Pending& call : greedy) {
    prepare(Role::kInference, &call);
    running.classifier->async()->Classify(&call.context, &call.request, &call.response,
                                          [&](const grpc::Status& status) {
                                            answered += status.ok();
                                            ++ended;
                                          });
  }
  while (answered == 0 && ended < kGreedyCalls) std::this_thread::yield();
  Pending light;
  prepare(Role::kAdmin, &light);
  EXPECT_TRUE(running.classifier->Classify(&light.context, light.request, &light.response).ok());
  const size_t before = answered;  // in the order of arrival, almost all
  while (ended < kGreedyCalls) std::this_thread::yield();
  EXPECT_EQ(answered, kGreedyCalls);
  EXPECT_LT(before, kGreedyCalls * 3 / 4);
}

}  // namespace
}  // namespace roberta::app
