// Profiles changed at run time, over the wire, on the real server and the demo model.
#include <gmock/gmock.h>

#include <atomic>
#include <filesystem>
#include <mutex>
#include <random>
#include <set>
#include <thread>
#include <vector>

#include "grpc/health/v1/health.grpc.pb.h"
#include "profiles/checkpoint/checkpoint.h"
#include "profiles/pruned/pruned.h"
#include "server/app/options.h"
#include "tests/profiles/checkpoint/checkpoint_fixture.h"
#include "tests/profiles/pruned/save_pruned.h"
#include "tests/server/app/running_server.h"

namespace roberta::app {
namespace {

using ::grpc::health::v1::HealthCheckResponse;
using ::testing::HasSubstr;

/// The demo model with its recipes, and a variant each of a gate that lets everything through and of one with no
/// checkpoint.
config::ServerConfig VariantsConfig(const std::vector<std::string>& loaded) {
  config::ServerConfig config = config::ParseConfig(R"(
      profiles { name: "baseline" }
      profiles { name: "quantized" }
      profiles { name: "blunt" recipe: "pruned" keep_macs: 0.5 }
      profiles { name: "small" recipe: "pruned" keep_macs: 0.8 gate { min_agreement: 0 } }
      profiles { name: "gone" recipe: "quantized" directory: "/nonexistent/checkpoint" })",
                                                    config::Format::kTextProto, "test")
                                    .value();
  config::CompleteConfig({.model_directory = test_paths::QuickDemoModel(),
                          .port = 0,
                          .metrics_port = 0,
                          .http_port = 0,
                          .profiles = loaded},
                         2, KnownRecipes(), &config);
  return config;
}

class ProfileSwitching : public testing::Test {
 protected:
  grpc::Status Load(const std::string& name, v1::LoadProfileResponse* response) {
    grpc::ClientContext context;
    v1::LoadProfileRequest request;
    request.set_name(name);
    return running_.profiles->LoadProfile(&context, request, response);
  }
  grpc::Status Unload(const std::string& name) {
    grpc::ClientContext context;
    v1::UnloadProfileRequest request;
    request.set_name(name);
    v1::UnloadProfileResponse response;
    return running_.profiles->UnloadProfile(&context, request, &response);
  }
  grpc::Status SetDefault(const std::string& name) {
    grpc::ClientContext context;
    v1::SetDefaultProfileRequest request;
    request.set_name(name);
    v1::SetDefaultProfileResponse response;
    return running_.profiles->SetDefaultProfile(&context, request, &response);
  }
  RunningServer::Answer Classify(const std::string& profile) {
    v1::ClassifyRequest request;
    request.set_profile(profile);
    request.add_items()->set_text("a warm, funny and deeply moving film");
    return running_.Classify(request);
  }
  HealthCheckResponse::ServingStatus Health(const std::string& profile) {
    auto stub = grpc::health::v1::Health::NewStub(running_.channel);
    grpc::ClientContext context;
    grpc::health::v1::HealthCheckRequest request;
    HealthCheckResponse response;
    request.set_service("profile/" + profile);
    return stub->Check(&context, request, &response).ok() ? response.status() : HealthCheckResponse::SERVICE_UNKNOWN;
  }

  RunningServer running_{VariantsConfig({"baseline"})};
};

TEST_F(ProfileSwitching, AProfileIsLoadedUsedAndUnloaded) {
  EXPECT_EQ(Health("quantized"), HealthCheckResponse::NOT_SERVING);
  EXPECT_EQ(Classify("quantized").status.error_code(), grpc::StatusCode::FAILED_PRECONDITION);
  v1::LoadProfileResponse loaded;
  ASSERT_TRUE(Load("quantized", &loaded).ok());
  EXPECT_EQ(loaded.profile().state(), v1::READY) << loaded.failure();
  EXPECT_GE(loaded.profile().agreement(), 0.98);
  EXPECT_EQ(Health("quantized"), HealthCheckResponse::SERVING);
  EXPECT_EQ(Classify("quantized").response.profile_used(), "quantized");
  ASSERT_TRUE(Unload("quantized").ok());
  EXPECT_EQ(Health("quantized"), HealthCheckResponse::NOT_SERVING);
  const auto refused = Classify("quantized").status;
  EXPECT_EQ(refused.error_code(), grpc::StatusCode::FAILED_PRECONDITION);
  EXPECT_THAT(refused.error_message(), HasSubstr("unloaded on request"));
}

TEST_F(ProfileSwitching, AGateThatIsMissedIsReportedAndTheProfileRefused) {
  v1::LoadProfileResponse loaded;
  ASSERT_TRUE(Load("blunt", &loaded).ok());
  EXPECT_EQ(loaded.profile().state(), v1::FAILED);
  EXPECT_THAT(loaded.failure(), HasSubstr("agreement is below 90.00 %"));
  EXPECT_LT(loaded.profile().agreement(), 0.9);
  EXPECT_EQ(Health("blunt"), HealthCheckResponse::NOT_SERVING);
  EXPECT_THAT(Classify("blunt").status.error_message(), HasSubstr("quality gate"));
}

TEST_F(ProfileSwitching, AVariantIsAConfigEntryAndHasItsOwnGate) {
  v1::LoadProfileResponse loaded;
  ASSERT_TRUE(Load("small", &loaded).ok());
  EXPECT_EQ(loaded.profile().state(), v1::READY) << loaded.failure();
  EXPECT_EQ(loaded.profile().recipe(), "pruned");
  EXPECT_EQ(Classify("small").response.profile_used(), "small");
}

TEST_F(ProfileSwitching, TheDefaultMovesAndCannotBeUnloaded) {
  EXPECT_EQ(Unload("baseline").error_code(), grpc::StatusCode::FAILED_PRECONDITION);
  EXPECT_EQ(SetDefault("quantized").error_code(), grpc::StatusCode::FAILED_PRECONDITION);
  v1::LoadProfileResponse loaded;
  ASSERT_TRUE(Load("quantized", &loaded).ok());
  ASSERT_TRUE(SetDefault("quantized").ok());
  EXPECT_EQ(Classify("").response.profile_used(), "quantized");
  EXPECT_TRUE(Unload("baseline").ok());
  EXPECT_EQ(Classify("").response.profile_reason(), "default");
}

TEST_F(ProfileSwitching, AnUnknownNameIsAnInvalidArgument) {
  v1::LoadProfileResponse loaded;
  const grpc::Status status = Load("turbo", &loaded);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_THAT(status.error_message(), HasSubstr("baseline, quantized, blunt, small, gone"));
}

TEST_F(ProfileSwitching, ALoadGoesOnWhenItsClientGivesUp) {
  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() + std::chrono::milliseconds(1));
  v1::LoadProfileRequest request;
  request.set_name("quantized");
  v1::LoadProfileResponse response;
  (void)running_.profiles->LoadProfile(&context, request, &response);
  v1::LoadProfileResponse shared;
  ASSERT_TRUE(Load("quantized", &shared).ok());
  EXPECT_EQ(shared.profile().state(), v1::READY);
}

TEST_F(ProfileSwitching, QuantizedAnswersUnderLoadAreTheAnswersAloneToTheBit) {
  v1::LoadProfileResponse loaded;
  ASSERT_TRUE(Load("quantized", &loaded).ok());
  const std::vector<std::string> texts = {"good", "not bad at all", "two hours of my life that i will never get back",
                                          "a long and winding story about very little indeed, told with some grace"};
  const auto logits_of = [&](const std::vector<std::string>& some) {
    v1::ClassifyRequest request;
    request.set_profile("quantized");
    request.set_return_logits(true);
    for (const std::string& text : some) request.add_items()->set_text(text);
    const auto answer = running_.Classify(request);
    EXPECT_TRUE(answer.status.ok()) << answer.status.error_message();
    std::vector<std::vector<float>> logits;
    for (const v1::ItemResult& result : answer.response.results()) {
      logits.emplace_back(result.classification().logits().begin(), result.classification().logits().end());
    }
    return logits;
  };
  std::vector<std::vector<float>> alone;
  for (const std::string& text : texts) alone.push_back(logits_of({text}).front());
  std::atomic<int> different{0};
  std::vector<std::thread> threads;
  for (uint32_t t = 0; t < 6; ++t) {
    threads.emplace_back([&, t] {
      std::mt19937 random(t);
      for (int i = 0; i < 30; ++i) {
        std::vector<size_t> which(1 + random() % 9);
        std::vector<std::string> some;
        for (size_t& index : which) some.push_back(texts[index = random() % texts.size()]);
        const auto logits = logits_of(some);
        for (size_t j = 0; j < which.size(); ++j) different += logits.at(j) != alone[which[j]];
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(different.load(), 0);
}

TEST_F(ProfileSwitching, ComparesAllThatAreReady) {
  v1::LoadProfileResponse loaded;
  ASSERT_TRUE(Load("quantized", &loaded).ok());
  grpc::ClientContext context;
  v1::CompareRequest request;
  request.mutable_item()->set_text("a warm, funny and deeply moving film");
  v1::CompareResponse response;
  const grpc::Status status = running_.classifier->Compare(&context, request, &response);
  ASSERT_TRUE(status.ok()) << status.error_message();
  ASSERT_EQ(response.comparisons_size(), 2);
  const v1::ProfileComparison& quantized = response.comparisons(1);
  EXPECT_EQ(quantized.profile(), "quantized");
  EXPECT_TRUE(quantized.same_label());
  EXPECT_GT(quantized.max_abs_dp(), 0);
  EXPECT_LT(quantized.max_abs_dp(), 0.2);
  EXPECT_GT(quantized.time_ratio(), 0);
}

/// Everything that the threads below have seen.
struct Tally {
  std::atomic<uint64_t> sent{0}, answered{0}, refused{0};
};

TEST_F(ProfileSwitching, UnderLoadNoRequestIsLostOrAnsweredByAnotherProfile) {
  const std::vector<std::string> names = {"baseline", "quantized", "small", "gone"};
  std::atomic<bool> stop{false};
  Tally tally;
  std::vector<std::thread> clients;
  for (unsigned t = 0; t < 4; ++t) {
    clients.emplace_back([&, t] {
      std::mt19937 random(t);
      while (!stop) {
        const size_t choice = random() % (names.size() + 1);
        const std::string name = choice < names.size() ? names[choice] : "";
        ++tally.sent;
        const auto answer = Classify(name);
        if (answer.status.ok()) {
          ++tally.answered;
          const std::string& used = answer.response.profile_used();
          EXPECT_EQ(answer.response.results_size(), 1);
          if (name.empty()) {
            EXPECT_TRUE(used == "baseline" || used == "quantized") << used;  // only these are ever the default
          } else {
            EXPECT_EQ(used, name);
          }
        } else {
          ++tally.refused;
          EXPECT_EQ(answer.status.error_code(), grpc::StatusCode::FAILED_PRECONDITION) << answer.status.error_message();
          EXPECT_NE(name, "") << "a request that names no profile is always answered: "
                              << answer.status.error_message();
        }
      }
    });
  }
  std::mt19937 random(7);
  for (int i = 0; i < 24; ++i) {
    const std::string& name = names[random() % names.size()];
    v1::LoadProfileResponse loaded;
    grpc::Status status;
    switch (random() % 3) {
      case 0:
        status = Load(name, &loaded);
        EXPECT_EQ(loaded.failure().empty(), name != "gone") << name << ": " << loaded.failure();
        break;
      case 1:
        status = Unload(name);
        break;
      default:
        status = SetDefault(random() % 2 == 0 ? "baseline" : "quantized");
    }
    EXPECT_TRUE(status.ok() || status.error_code() == grpc::StatusCode::FAILED_PRECONDITION) << status.error_message();
  }
  stop = true;
  for (std::thread& client : clients) client.join();
  EXPECT_EQ(tally.sent, tally.answered + tally.refused);
  EXPECT_GT(tally.answered, 10u);
  EXPECT_GT(tally.refused, 0u);
}

TEST(ServerStart, ADefaultProfileWithoutACheckpointIsAnError) {
  const auto server = Server::Start(VariantsConfig({"gone"}));
  EXPECT_EQ(server.status().code(), absl::StatusCode::kNotFound);
  EXPECT_THAT(std::string(server.status().message()), HasSubstr("the default profile, gone, did not load"));
  EXPECT_THAT(std::string(server.status().message()), HasSubstr("/nonexistent/checkpoint"));
}

TEST(ServerStart, ADefaultProfileThatMissesItsGateIsAnError) {
  const auto server = Server::Start(VariantsConfig({"blunt"}));
  EXPECT_EQ(server.status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(server.status().message()), HasSubstr("agreement is below 90.00 %"));
}

TEST(ServerStart, AnotherProfileThatCannotBeLoadedIsFailedAndTheServerServes) {
  RunningServer running(VariantsConfig({"baseline", "gone"}));
  running.ExpectUnharmed();
  grpc::ClientContext context;
  v1::ListProfilesResponse response;
  ASSERT_TRUE(running.profiles->ListProfiles(&context, {}, &response).ok());
  EXPECT_EQ(response.profiles(4).state(), v1::FAILED);
  EXPECT_THAT(response.profiles(4).reason(), HasSubstr("/nonexistent/checkpoint"));
}

TEST(ServerStart, ADirectoryWithAPrunedVariantIsOneModelWithSeveralProfiles) {
  const checkpoint_fixture::ScratchDirectory scratch;
  const std::string demo = test_paths::InRepository("models/demo-sst2");
  for (const char* name : {"config.json", "model.safetensors", "vocab.json", "merges.txt", "sample.tsv"}) {
    std::filesystem::create_symlink(demo + "/" + name, scratch.In(name));
  }
  const auto dense = checkpoint::Checkpoint::Open(demo).value();
  ASSERT_TRUE(pruned::SavePruned(*dense, pruned::MaskByMagnitude(*dense, 0.95).value(), scratch.In("pruned")).ok());
  config::ServerConfig config;
  config::CompleteConfig({.model_directory = scratch.path(),
                          .port = 0,
                          .metrics_port = 0,
                          .http_port = 0,
                          .profiles = {"baseline", "pruned", "integrated"}},
                         2, KnownRecipes(), &config);
  RunningServer running(config);
  const std::string revision = checkpoint::Checkpoint::Open(scratch.In("pruned")).value()->revision();
  for (const char* name : {"pruned", "integrated"}) {
    v1::ClassifyRequest request;
    request.set_profile(name);
    request.add_items()->set_text("a warm, funny and deeply moving film");
    const auto answer = running.Classify(request);
    ASSERT_TRUE(answer.status.ok()) << answer.status.error_message();
    EXPECT_EQ(answer.response.results(0).classification().label(), "positive");
    EXPECT_EQ(answer.response.profile_revision(), revision) << name;
  }
}

TEST(ServerStart, ASampleThatIsNotThereIsAnError) {
  config::ServerConfig config = DemoConfig();
  config.mutable_model()->set_sample_file("/nonexistent/sample.tsv");
  EXPECT_THAT(std::string(Server::Start(config).status().message()), HasSubstr("/nonexistent/sample.tsv"));
}

}  // namespace
}  // namespace roberta::app
