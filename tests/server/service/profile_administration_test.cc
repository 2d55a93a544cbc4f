#include "server/service/profile_administration.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <future>
#include <memory>
#include <string>

#include "server/call/failure_reason.h"
#include "server/service/admission_control.h"
#include "tests/profiles/registry/puppet_recipes.h"

namespace roberta::service {

using call::FailureReasonNames;
namespace {

using registry::PuppetRecipe;
using ::testing::HasSubstr;

class ProfileAdministrationTest : public testing::Test {
 protected:
  ProfileAdministrationTest() {
    EXPECT_TRUE(registry_->Load("baseline").ok());
    concurrency_.SetReady();
  }

  template <typename Response>
  static std::shared_ptr<ProfileCall<Response>> CallFor(const std::string& name,
                                                        std::function<void(Outcome<Response>&)> done) {
    auto call = std::make_shared<ProfileCall<Response>>(call::PhaseClock::Clock::now());
    call->request.set_name(name);
    call->done = std::move(done);
    return call;
  }
  /// Calls `method` for the profile `name` and waits for the end.
  template <typename Response>
  absl::StatusOr<Response> Run(void (ProfileAdministration::*method)(std::shared_ptr<ProfileCall<Response>>),
                               const std::string& name) {
    std::promise<absl::StatusOr<Response>> promise;
    (administration_.*method)(CallFor<Response>(name, [&promise](Outcome<Response>& outcome) {
      if (outcome.status.ok()) return promise.set_value(outcome.response);
      promise.set_value(outcome.status);
    }));
    return promise.get_future().get();
  }
  absl::StatusOr<v1::LoadProfileResponse> Load(const std::string& name) {
    return Run(&ProfileAdministration::Load, name);
  }
  absl::StatusOr<v1::UnloadProfileResponse> Unload(const std::string& name) {
    return Run(&ProfileAdministration::Unload, name);
  }
  absl::StatusOr<v1::SetDefaultProfileResponse> SetDefault(const std::string& name) {
    return Run(&ProfileAdministration::SetDefault, name);
  }

  std::promise<void> release_;
  std::shared_future<void> released_ = release_.get_future().share();
  const std::unique_ptr<registry::Registry> registry_ =
      registry::PuppetRegistry({PuppetRecipe("baseline"), PuppetRecipe("other"),
                                PuppetRecipe("broken", 0, [] { return absl::InternalError("no kernel"); }),
                                PuppetRecipe("slow", 0,
                                             [this] {
                                               released_.wait();
                                               return absl::OkStatus();
                                             })},
                               "baseline");
  admission::Permits permits_{64};
  admission::WaitPredictor predictor_{1, {}};
  ConcurrencyLimit concurrency_{&permits_, &predictor_};
  metrics::ServerMetrics metrics_{{.profiles = registry_->names(), .failure_reasons = FailureReasonNames()}};
  ProfileAdministration administration_{{.model_name = "puppet",
                                         .registry = registry_.get(),
                                         .concurrency = &concurrency_,
                                         .loads = &loads_,
                                         .metrics = &metrics_}};
  batching::WorkerPool loads_{1};
};

TEST_F(ProfileAdministrationTest, LoadAnswersWhenTheProfileIsReady) {
  const auto response = Load("other");
  ASSERT_TRUE(response.ok()) << response.status();
  EXPECT_EQ(response->profile().state(), v1::READY);
  EXPECT_EQ(response->failure(), "");
  EXPECT_EQ(response->profile().agreement(), 1);
  EXPECT_EQ(response->profile().examples(), 256u);
  EXPECT_TRUE(response->profile().has_expected_tokens_per_second());
  EXPECT_GE(response->profile().load_steps_size(), 3);
}

TEST_F(ProfileAdministrationTest, AFailedLoadIsAnAnswerWithTheReason) {
  const auto response = Load("broken");
  ASSERT_TRUE(response.ok()) << response.status();
  EXPECT_EQ(response->failure(), "no kernel");
  EXPECT_EQ(response->profile().state(), v1::FAILED);
  EXPECT_EQ(response->profile().reason(), "no kernel");
  EXPECT_FALSE(response->profile().has_agreement());
}

TEST_F(ProfileAdministrationTest, AnUnknownNameIsRefusedWithTheListWhateverItsBytes) {
  const absl::Status status = Load("turbo\xff").status();
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(status.message()), HasSubstr("name: \"turbo\\xff\" is unknown; the profiles are baseline, "));
  EXPECT_EQ(Unload("turbo").status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(SetDefault("").status().code(), absl::StatusCode::kInvalidArgument);
}

TEST_F(ProfileAdministrationTest, UnloadsWhatIsNotInUse) {
  ASSERT_TRUE(Load("other").ok());
  const auto response = Unload("other");
  ASSERT_TRUE(response.ok()) << response.status();
  EXPECT_EQ(response->profile().state(), v1::UNLOADED);
  EXPECT_EQ(Unload("baseline").status().code(), absl::StatusCode::kFailedPrecondition);
}

TEST_F(ProfileAdministrationTest, OnlyAReadyProfileBecomesTheDefault) {
  EXPECT_EQ(SetDefault("other").status().code(), absl::StatusCode::kFailedPrecondition);
  ASSERT_TRUE(Load("other").ok());
  const auto response = SetDefault("other");
  ASSERT_TRUE(response.ok()) << response.status();
  EXPECT_TRUE(response->profile().is_default());
  EXPECT_EQ(registry_->default_profile(), "other");
}

TEST_F(ProfileAdministrationTest, LoadsDoNotBlockTheirCallerAndAreBounded) {
  std::atomic<int> answered{0};
  for (int i = 0; i < ProfileAdministration::kMostLoads; ++i) {
    administration_.Load(
        CallFor<v1::LoadProfileResponse>("slow", [&](auto& outcome) { answered += outcome.status.ok(); }));
  }
  EXPECT_EQ(Load("other").status().code(), absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(answered, 0);
  release_.set_value();
  EXPECT_TRUE(permits_.WaitUntilIdle(std::chrono::seconds(60)));
  EXPECT_EQ(answered, ProfileAdministration::kMostLoads);
  EXPECT_TRUE(Load("other").ok());
}

TEST_F(ProfileAdministrationTest, AStoppingServerRefusesAll) {
  permits_.Close();
  EXPECT_EQ(Load("other").status().code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(Unload("other").status().code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(SetDefault("other").status().code(), absl::StatusCode::kUnavailable);
}

}  // namespace
}  // namespace roberta::service
