// What the registry promises to those who load, unload and ask, with puppets in place of profiles.
#include "profiles/registry/registry.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <filesystem>
#include <future>
#include <limits>
#include <thread>

#include "profiles/machine/cores.h"
#include "tests/profiles/checkpoint/checkpoint_fixture.h"
#include "tests/profiles/registry/puppet_recipes.h"

namespace roberta::registry {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

ProfileState StateOf(const Registry& registry, std::string_view name) {
  return registry.StatusOf(name).value().state;
}

TEST(Registry, KnowsItsProfilesByTheNamesOfTheConfig) {
  const auto registry = PuppetRegistry({PuppetRecipe("baseline"), PuppetRecipe("other")}, "baseline");
  EXPECT_THAT(registry->names(), ElementsAre("baseline", "other"));
  EXPECT_EQ(registry->baseline_name(), "baseline");
  EXPECT_EQ(registry->default_profile(), "baseline");
  EXPECT_EQ(StateOf(*registry, "other"), ProfileState::kUnloaded);
  EXPECT_EQ(registry->Get("third").status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(registry->Load("third").message()), HasSubstr("the profiles are baseline, other"));
}

TEST(Registry, AProfileThatIsNotLoadedIsRefusedWithTheReason) {
  const auto registry = PuppetRegistry({PuppetRecipe("baseline")}, "baseline");
  const absl::Status status = registry->Get("baseline").status();
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(status.message()), HasSubstr("was not asked for when the server started"));
  EXPECT_EQ(registry->GetDefault().status().code(), absl::StatusCode::kFailedPrecondition);
}

TEST(Registry, LoadsUnloadsAndLoadsAgain) {
  const auto registry = PuppetRegistry({PuppetRecipe("baseline"), PuppetRecipe("other")}, "baseline");
  ASSERT_TRUE(registry->Load("other").ok());
  EXPECT_EQ(registry->Get("other")->profile->description().precision, "other");
  ASSERT_TRUE(registry->Unload("other").ok());
  EXPECT_EQ(StateOf(*registry, "other"), ProfileState::kUnloaded);
  EXPECT_THAT(std::string(registry->Get("other").status().message()), HasSubstr("unloaded on request"));
  EXPECT_EQ(registry->StatusOf("other")->description.precision, "");
  EXPECT_EQ(*registry->Unload("other"), nullptr);
  ASSERT_TRUE(registry->Load("other").ok());
  EXPECT_EQ(StateOf(*registry, "other"), ProfileState::kReady);
}

TEST(Registry, WhoHoldsAProfileKeepsItWhenItIsUnloadedOrReplaced) {
  const auto registry = PuppetRegistry({PuppetRecipe("baseline"), PuppetRecipe("other")}, "baseline");
  ASSERT_TRUE(registry->Load("other").ok());
  const LoadedProfile held = registry->Get("other").value();
  ASSERT_TRUE(registry->Load("other").ok());
  EXPECT_NE(registry->Get("other")->profile, held.profile);
  ASSERT_TRUE(registry->Unload("other").ok());
  EXPECT_EQ(held.profile->description().precision, "other");
}

TEST(Registry, TheDefaultCannotBeUnloaded) {
  const auto registry = PuppetRegistry({PuppetRecipe("baseline"), PuppetRecipe("other")}, "baseline");
  ASSERT_TRUE(registry->Load("baseline").ok());
  EXPECT_EQ(registry->Unload("baseline").status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(registry->SetDefault("other").code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(registry->SetDefault("third").code(), absl::StatusCode::kInvalidArgument);
  ASSERT_TRUE(registry->Load("other").ok());
  ASSERT_TRUE(registry->SetDefault("other").ok());
  EXPECT_TRUE(registry->StatusOf("other")->is_default);
  EXPECT_EQ(registry->GetDefault()->name, "other");
  EXPECT_TRUE(registry->Unload("baseline").ok());
}

TEST(Registry, WithoutRoomAProfileStaysUnloadedAndOneThatServesServesOn) {
  std::vector<int64_t> asked;
  bool has_room = true;
  RegistryOptions options = PuppetOptions({PuppetRecipe("baseline"), PuppetRecipe("other")}, "baseline");
  options.executors = 2;
  options.has_room = [&](int64_t bytes) {
    asked.push_back(bytes);
    return has_room ? absl::OkStatus() : absl::FailedPreconditionError("it needs more");
  };
  const auto registry = Registry::Open(options).value();
  ASSERT_TRUE(registry->Load("baseline").ok());
  has_room = false;
  EXPECT_EQ(registry->Load("other").code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(StateOf(*registry, "other"), ProfileState::kUnloaded);
  EXPECT_EQ(registry->StatusOf("other")->reason, "it needs more");
  EXPECT_FALSE(registry->Load("baseline").ok());
  EXPECT_EQ(StateOf(*registry, "baseline"), ProfileState::kReady);
  has_room = true;
  EXPECT_TRUE(registry->Load("other").ok());
  // Puppets count as float32 weights of the whole model, some 60 MiB; the first load comes with what threads need.
  EXPECT_GT(asked[0], asked[1] + (8 << 20));
  EXPECT_GT(asked[1], 40 << 20);
  EXPECT_LT(asked[1], 100 << 20);
}

TEST(Registry, ToLoadWithoutABaselineTakesTheBaselinesMemoryAsWell) {
  std::vector<int64_t> asked;
  RegistryOptions options = PuppetOptions({PuppetRecipe("baseline"), PuppetRecipe("other")}, "other");
  options.has_room = [&](int64_t bytes) {
    asked.push_back(bytes);
    return absl::OkStatus();
  };
  const auto registry = Registry::Open(options).value();
  ASSERT_TRUE(registry->Load("other").ok());
  ASSERT_TRUE(registry->Load("other").ok());
  EXPECT_GT(asked[0], asked[1] + (40 << 20));
}

TEST(Registry, EveryFurtherThreadThatPacksTakesTheMemoryOfAMatrix) {
  std::vector<int64_t> asked;
  std::atomic<size_t> threads{1};
  RegistryOptions options = PuppetOptions({PuppetRecipe("baseline")}, "baseline");
  options.pack_threads = [&] { return threads.load(); };
  options.has_room = [&](int64_t bytes) {
    asked.push_back(bytes);
    return absl::OkStatus();
  };
  const auto registry = Registry::Open(options).value();
  for (const size_t count : {1, 1, 3}) {
    threads = count;
    ASSERT_TRUE(registry->Load("baseline").ok());
  }
  // The demo model's largest is [1536, 384], five bytes a weight.
  EXPECT_EQ(asked[2] - asked[1], 2 * 1536 * 384 * 5);
}

TEST(Registry, UnloadingForAReasonSaysIt) {
  const auto registry = PuppetRegistry({PuppetRecipe("baseline"), PuppetRecipe("other")}, "baseline");
  ASSERT_TRUE(registry->Load("other").ok());
  ASSERT_TRUE(registry->Unload("other", "there is no memory").ok());
  EXPECT_THAT(std::string(registry->Get("other").status().message()), HasSubstr("is not ready: there is no memory"));
}

TEST(Registry, AProfileThatCannotBeLoadedIsFailedWithTheReason) {
  const auto registry = PuppetRegistry(
      {PuppetRecipe("baseline"), PuppetRecipe("other", 0, [] { return absl::InternalError("no kernel"); })},
      "baseline");
  EXPECT_EQ(registry->Load("other").code(), absl::StatusCode::kInternal);
  EXPECT_EQ(registry->StatusOf("other")->reason, "no kernel");
  EXPECT_EQ(StateOf(*registry, "other"), ProfileState::kFailed);
}

TEST(Registry, ALogitThatIsNotFiniteFailsTheProfile) {
  const auto registry = PuppetRegistry(
      {PuppetRecipe("baseline"), PuppetRecipe("other", std::numeric_limits<float>::quiet_NaN())}, "baseline");
  EXPECT_FALSE(registry->Load("other").ok());
  EXPECT_THAT(registry->StatusOf("other")->reason, HasSubstr("not finite"));
}

/// Runs anything but the longest sequence.
class ShortOnly final : public encoder::Profile {
 public:
  explicit ShortOnly(size_t longest) : longest_(longest) {}
  absl::Status Run(const encoder::PackedBatch& batch, absl::Span<float> logits) const override {
    std::fill(logits.begin(), logits.end(), 0.0f);
    for (size_t i = 0; i < batch.sequences(); ++i) {
      if (batch.sequence(i).size() == longest_) return absl::InternalError("a sequence is too long");
    }
    return absl::OkStatus();
  }
  const encoder::ProfileDescription& description() const override { return description_; }

 private:
  const size_t longest_;
  const encoder::ProfileDescription description_;
};

TEST(Registry, AProfileThatCannotRunTheLongestSequenceFailsOnAnyNumberOfThreads) {
  Recipe recipe = PuppetRecipe("other");
  recipe.load = [](const checkpoint::Checkpoint& checkpoint, const RecipeSettings&) {
    return std::make_unique<ShortOnly>(static_cast<size_t>(checkpoint.config().max_tokens()));
  };
  for (const size_t threads : {1, 3}) {
    RegistryOptions options = PuppetOptions({PuppetRecipe("baseline"), recipe}, "baseline");
    options.run_all = [=](size_t count, const std::function<void(size_t)>& task) {
      machine::RunOnThreads(threads, count, task);
    };
    const auto registry = Registry::Open(options).value();
    ASSERT_TRUE(registry->Load("baseline").ok());
    EXPECT_EQ(registry->Load("other").message(), "a sequence is too long");
  }
}

TEST(Registry, WhenLoadingAgainFailsTheOldOneServesOn) {
  std::atomic<bool> broken{false};
  const auto registry = PuppetRegistry(
      {PuppetRecipe("baseline"),
       PuppetRecipe("other", 0, [&] { return broken ? absl::InternalError("gone") : absl::OkStatus(); })},
      "baseline");
  ASSERT_TRUE(registry->Load("other").ok());
  broken = true;
  EXPECT_FALSE(registry->Load("other").ok());
  const ProfileStatus status = registry->StatusOf("other").value();
  EXPECT_EQ(status.state, ProfileState::kReady);
  EXPECT_EQ(status.reason, "loading it again failed: gone");
  EXPECT_TRUE(registry->Get("other").ok());
}

TEST(Registry, ASampleThatCannotBeReadCostsTheGateAndNotTheStart) {
  const checkpoint_fixture::ScratchDirectory scratch;
  for (const char* name : {"config.json", "model.safetensors", "vocab.json", "merges.txt"}) {
    std::filesystem::create_symlink(test_paths::InRepository("models/demo-sst2/") + name, scratch.In(name));
  }
  checkpoint_fixture::WriteFile(scratch.In("sample.tsv"), "txt\nfine\n");
  std::vector<std::string> warnings;
  const auto registry = Registry::Open({.directory = scratch.path(),
                                        .sample_file = "",
                                        .profiles = {{.name = "baseline", .recipe = "baseline"}},
                                        .default_profile = "baseline",
                                        .recipes = {PuppetRecipe("baseline")},
                                        .warn = [&](const std::string& line) { warnings.push_back(line); }});
  ASSERT_TRUE(registry.ok()) << registry.status();
  ASSERT_TRUE((*registry)->Load("baseline").ok());
  EXPECT_EQ((*registry)->StatusOf("baseline")->quality, std::nullopt);
  ASSERT_EQ(warnings.size(), 1u);
  EXPECT_THAT(warnings[0],
              HasSubstr("the sample cannot be read: " + scratch.In("sample.tsv") + ":1: the header names no"));
  EXPECT_EQ((*registry)->StatusOf("baseline")->quality_reason, warnings[0]);
}

/// A recipe that waits until the test lets it go.
struct Held {
  Recipe Make(const std::string& name) {
    return PuppetRecipe(name, 0, [this] {
      ++loads;
      entered.count_down();
      released.wait();
      return absl::OkStatus();
    });
  }
  struct Latch {
    void count_down() { flag = true; }
    void wait() const {
      while (!flag) std::this_thread::yield();
    }
    std::atomic<bool> flag{false};
  };
  std::atomic<int> loads{0};
  Latch entered, released;
};

TEST(Registry, ASecondLoadOfTheSameProfileSharesTheFirst) {
  Held held;
  const auto registry = PuppetRegistry({PuppetRecipe("baseline"), held.Make("other")}, "baseline");
  auto first = std::async(std::launch::async, [&] { return registry->Load("other"); });
  held.entered.wait();
  auto second = std::async(std::launch::async, [&] { return registry->Load("other"); });
  EXPECT_EQ(second.wait_for(std::chrono::milliseconds(50)), std::future_status::timeout);
  held.released.count_down();
  EXPECT_TRUE(first.get().ok());
  EXPECT_TRUE(second.get().ok());
  EXPECT_EQ(held.loads, 1);
}

TEST(Registry, WhileAProfileIsLoadedOthersAnswerAndItIsLoading) {
  Held held;
  const auto registry = PuppetRegistry({PuppetRecipe("baseline"), held.Make("other")}, "baseline");
  ASSERT_TRUE(registry->Load("baseline").ok());
  auto load = std::async(std::launch::async, [&] { return registry->Load("other"); });
  held.entered.wait();
  EXPECT_TRUE(registry->Get("baseline").ok());
  EXPECT_EQ(StateOf(*registry, "other"), ProfileState::kLoading);
  EXPECT_THAT(std::string(registry->Get("other").status().message()), HasSubstr("being loaded"));
  EXPECT_EQ(registry->Unload("other").status().code(), absl::StatusCode::kFailedPrecondition);
  held.released.count_down();
  EXPECT_TRUE(load.get().ok());
}

class Recorder final : public Observer {
 public:
  void StepEnded(std::string_view profile, const LoadStep& step) override {
    events.push_back(std::string(profile) + " " + step.name);
    EXPECT_GE(step.seconds, 0);
  }
  void Changed(std::string_view profile) override { events.push_back(std::string(profile) + " changed"); }
  std::vector<std::string> events;
};

TEST(Registry, TellsItsObserverOfStepsAndChanges) {
  Recorder recorder;
  const auto registry = PuppetRegistry({PuppetRecipe("baseline"), PuppetRecipe("other")}, "baseline");
  registry->Observe(&recorder);
  ASSERT_TRUE(registry->Load("other").ok());
  EXPECT_THAT(recorder.events, ElementsAre("other changed", "other read checkpoint", "other pack weights",
                                           "other warm-up", "other baseline", "other sample", "other changed"));
}

}  // namespace
}  // namespace roberta::registry
