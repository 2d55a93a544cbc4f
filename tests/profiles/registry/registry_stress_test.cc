// Profiles are loaded, unloaded and made the default while many threads ask for them: nobody gets another profile than
// the one named. Puppets in place of profiles, so that ThreadSanitizer sees all of it.
#include <gtest/gtest.h>

#include <atomic>
#include <random>
#include <set>
#include <thread>
#include <vector>

#include "tests/profiles/registry/puppet_recipes.h"

namespace roberta::registry {
namespace {

constexpr int kAskingThreads = 6;
constexpr int kAdminThreads = 2;
constexpr int kChangesPerAdmin = 500;

class Counter final : public Observer {
 public:
  void StepEnded(std::string_view, const LoadStep&) override { ++steps; }
  void Changed(std::string_view) override { ++changes; }
  std::atomic<int> steps{0}, changes{0};
};

struct Asked {
  uint64_t sent = 0, answered = 0, refused = 0;
};

/// Asks for a profile, by name or for the default, and runs it; whatever comes must be what was asked for.
void Ask(const Registry& registry, const std::vector<std::string>& names, std::mt19937& random, Asked* asked) {
  const size_t choice = random() % (names.size() + 1);
  ++asked->sent;
  const auto profile = choice < names.size() ? registry.Get(names[choice]) : registry.GetDefault();
  if (!profile.ok()) {
    EXPECT_LT(choice, names.size()) << "the default is always ready: " << profile.status();
    EXPECT_EQ(profile.status().code(), absl::StatusCode::kFailedPrecondition) << profile.status();
    ++asked->refused;
    return;
  }
  if (choice < names.size()) {
    EXPECT_EQ(profile->name, names[choice]);
  }
  EXPECT_EQ(profile->profile->description().precision, profile->name);
  const int32_t ids[] = {0, 5, 2};
  const int32_t cu_seqlens[] = {0, 3};
  float logits[2] = {};
  EXPECT_TRUE(profile->profile->Run({ids, cu_seqlens}, absl::MakeSpan(logits)).ok());
  EXPECT_EQ(logits[0], 3);
  ++asked->answered;
}

void Administer(Registry& registry, const std::vector<std::string>& names, unsigned seed) {
  std::mt19937 random(seed);
  for (int i = 0; i < kChangesPerAdmin; ++i) {
    const std::string& name = names[random() % names.size()];
    absl::Status status;
    switch (random() % 3) {
      case 0:
        status = registry.Load(name);
        EXPECT_TRUE(status.ok()) << status;
        break;
      case 1:
        status = registry.Unload(name).status();
        break;
      default:
        status = registry.SetDefault(name);
    }
    EXPECT_TRUE(status.ok() || status.code() == absl::StatusCode::kFailedPrecondition) << status;
  }
}

TEST(RegistryStress, NobodyGetsAnotherProfileThanTheOneNamed) {
  Counter counter;
  const auto registry =
      PuppetRegistry({PuppetRecipe("baseline"), PuppetRecipe("one"), PuppetRecipe("two")}, "baseline");
  registry->Observe(&counter);
  ASSERT_TRUE(registry->Load("baseline").ok());
  const std::vector<std::string> names = registry->names();
  std::atomic<bool> stop{false};
  std::vector<Asked> asked(kAskingThreads);
  std::vector<std::thread> asking, administering;
  for (unsigned t = 0; t < kAskingThreads; ++t) {
    asking.emplace_back([&, t] {
      std::mt19937 random(t);
      while (!stop) {
        Ask(*registry, names, random, &asked[t]);
        EXPECT_EQ(registry->List().size(), names.size());
      }
    });
  }
  for (unsigned t = 0; t < kAdminThreads; ++t) {
    administering.emplace_back([&, t] { Administer(*registry, names, 100 + t); });
  }
  for (std::thread& thread : administering) thread.join();
  stop = true;
  for (std::thread& thread : asking) thread.join();
  Asked all;
  for (const Asked& one : asked) {
    all.sent += one.sent;
    all.answered += one.answered;
    all.refused += one.refused;
  }
  EXPECT_EQ(all.sent, all.answered + all.refused);
  EXPECT_GT(all.answered, 0u);
  EXPECT_GT(counter.changes, 0);
}

}  // namespace
}  // namespace roberta::registry
