#include "server/service/profile_administration.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <future>

#include "server/service/situations.h"
#include "tests/profiles/registry/puppet_recipes.h"

namespace roberta::service {
namespace {

using registry::PuppetRecipe;
using ::testing::HasSubstr;

class ProfileAdministrationTest : public testing::Test {
 protected:
  ProfileAdministrationTest() {
    EXPECT_TRUE(registry_->Load("baseline").ok());
    entrance_.SetReady();
  }

  absl::StatusOr<v1::LoadProfileResponse> Load(const std::string& name) {
    std::promise<absl::StatusOr<v1::LoadProfileResponse>> promise;
    administration_.Load(name, [&](auto response) { promise.set_value(std::move(response)); });
    return promise.get_future().get();
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
  Entrance entrance_{&permits_, &predictor_};
  metrics::ServerMetrics metrics_{{.profiles = registry_->names(), .failure_reasons = SituationNames()}};
  ProfileAdministration administration_{{registry_.get(), &entrance_, &loads_, &metrics_}};
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
  EXPECT_EQ(administration_.Unload("turbo").status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(administration_.SetDefault("").status().code(), absl::StatusCode::kInvalidArgument);
}

TEST_F(ProfileAdministrationTest, UnloadsWhatIsNotInUse) {
  ASSERT_TRUE(Load("other").ok());
  const auto response = administration_.Unload("other");
  ASSERT_TRUE(response.ok()) << response.status();
  EXPECT_EQ(response->profile().state(), v1::UNLOADED);
  EXPECT_EQ(administration_.Unload("baseline").status().code(), absl::StatusCode::kFailedPrecondition);
}

TEST_F(ProfileAdministrationTest, OnlyAReadyProfileBecomesTheDefault) {
  EXPECT_EQ(administration_.SetDefault("other").status().code(), absl::StatusCode::kFailedPrecondition);
  ASSERT_TRUE(Load("other").ok());
  const auto response = administration_.SetDefault("other");
  ASSERT_TRUE(response.ok()) << response.status();
  EXPECT_TRUE(response->profile().is_default());
  EXPECT_EQ(registry_->default_profile(), "other");
}

TEST_F(ProfileAdministrationTest, LoadsDoNotBlockTheirCallerAndAreBounded) {
  std::atomic<int> answered{0};
  for (int i = 0; i < ProfileAdministration::kMostLoads; ++i) {
    administration_.Load("slow", [&](auto response) { answered += response.ok(); });
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
  EXPECT_EQ(administration_.Unload("other").status().code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(administration_.SetDefault("other").status().code(), absl::StatusCode::kUnavailable);
}

}  // namespace
}  // namespace roberta::service
