#include "server/service/memory_guard.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "server/call/failure_reason.h"
#include "tests/profiles/registry/puppet_recipes.h"
#include "tests/server/service/puppet_server.h"

namespace roberta::service {
namespace {

using machine::MemoryUse;
using registry::PuppetRecipe;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

constexpr uint64_t kMiB = 1 << 20;

MemoryUse Group(uint64_t limit_mib, uint64_t used_mib) {
  return {MemoryUse::Of::kGroup, "/group/memory.max", limit_mib * kMiB, used_mib * kMiB};
}
MemoryUse Machine(uint64_t limit_mib, uint64_t used_mib) {
  return {MemoryUse::Of::kMachine, "the machine's memory", limit_mib * kMiB, used_mib * kMiB};
}

/// Profiles baseline (the default), b and c, of a group that may have 1,000 MiB.
class MemoryGuardTest : public testing::Test {
 protected:
  MemoryGuardTest() {
    for (const char* name : {"baseline", "b", "c"}) EXPECT_TRUE(registry_->Load(name).ok());
  }

  /// `milliseconds` after the last look, with that much of the group's memory in use.
  void Look(int milliseconds, uint64_t used_mib) {
    now_ += std::chrono::milliseconds(milliseconds);
    uses_ = {Group(1000, used_mib), Machine(100'000, 99'000)};
    guard_.Check(now_);
  }
  std::vector<std::string> Ready() const {
    std::vector<std::string> ready;
    for (const std::string& name : registry_->names()) {
      if (registry_->Get(name).ok()) ready.push_back(name);
    }
    return ready;
  }

  const std::unique_ptr<registry::Registry> registry_ =
      registry::PuppetRegistry({PuppetRecipe("baseline"), PuppetRecipe("b"), PuppetRecipe("c")}, "baseline");
  metrics::ServerMetrics metrics_{{.profiles = registry_->names(),
                                   .failure_reasons = call::FailureReasonNames(),
                                   .rpc_methods = {},
                                   .rpc_codes = {},
                                   .computation = {}}};
  std::vector<MemoryUse> uses_;
  std::vector<std::string> log_;
  MemoryGuard guard_{{.unload_at = 0.9,
                      .refuse_at = 0.95,
                      .large_call_tokens = 2048,
                      .read = [this] { return uses_; },
                      .warn = [this](const std::string& line) { log_.push_back(line); }},
                     registry_.get(),
                     &metrics_};
  MemoryGuard::Clock::time_point now_{std::chrono::hours(1)};
};

TEST_F(MemoryGuardTest, FarFromTheLimitNothingHappens) {
  for (int i = 0; i < 5; ++i) Look(2000, 899);
  EXPECT_THAT(Ready(), ElementsAre("baseline", "b", "c"));
  EXPECT_TRUE(guard_.CheckCall(1'000'000).ok());
  EXPECT_TRUE(guard_.CheckStream().ok());
  EXPECT_THAT(log_, IsEmpty());
}

TEST_F(MemoryGuardTest, FreeMemoryIsGivenBackBeforeAProfileGoes) {
  Look(200, 900);
  EXPECT_THAT(Ready(), ElementsAre("baseline", "b", "c"));
  Look(200, 899);
  Look(200, 900);
  EXPECT_THAT(Ready(), ElementsAre("baseline", "b", "c"));
  Look(200, 900);
  EXPECT_THAT(Ready(), SizeIs(2));
}

TEST_F(MemoryGuardTest, TheLeastRecentlyUsedGoesFirstOneASecondAndNeverTheDefault) {
  metrics_.batches().Count("c", {.items = 1, .tokens = 5});
  Look(200, 100);
  metrics_.batches().Count("b", {.items = 1, .tokens = 5});
  Look(200, 920);
  Look(200, 920);
  EXPECT_THAT(Ready(), ElementsAre("baseline", "b"));
  Look(900, 920);
  EXPECT_THAT(Ready(), ElementsAre("baseline", "b"));
  Look(100, 920);
  EXPECT_THAT(Ready(), ElementsAre("baseline"));
  for (int i = 0; i < 5; ++i) Look(2000, 999);
  EXPECT_THAT(Ready(), ElementsAre("baseline"));
}

TEST_F(MemoryGuardTest, WhatItDidIsInStateMetricsAndLog) {
  Look(200, 920);
  Look(200, 920);
  const auto status = registry_->StatusOf("b").value();
  EXPECT_EQ(status.state, registry::ProfileState::kUnloaded);
  EXPECT_EQ(
      status.reason,
      "it was unloaded to free memory when 920.0 MiB of 1000.0 MiB (/group/memory.max) are in use; it can be loaded "
      "again");
  EXPECT_THAT(log_, ElementsAre(AllOf(HasSubstr("920.0 MiB of 1000.0 MiB"), HasSubstr("unloaded profile b"))));
  EXPECT_THAT(metrics_.Scrape(),
              AllOf(HasSubstr("roberta_memory_unloads_total 1\n"), HasSubstr("roberta_memory_limit_bytes 1048576000\n"),
                    HasSubstr("roberta_memory_unreclaimable_bytes 964689920\n")));
  EXPECT_TRUE(registry_->Load("b").ok());
}

TEST_F(MemoryGuardTest, WithNothingLeftToUnloadItSaysSoOnce) {
  for (int i = 0; i < 10; ++i) Look(2000, 940);
  EXPECT_THAT(log_, ElementsAre(HasSubstr("unloaded profile b"), HasSubstr("unloaded profile c"),
                                HasSubstr("no profile to unload")));
}

TEST_F(MemoryGuardTest, NearerStillLargeCallsAndNewStreamsAreRefusedWithNumbers) {
  Look(200, 949);
  EXPECT_TRUE(guard_.CheckCall(2049).ok());
  Look(200, 950);
  EXPECT_TRUE(guard_.CheckCall(2048).ok());
  for (const absl::Status& refused : {guard_.CheckCall(2049), guard_.CheckStream()}) {
    EXPECT_EQ(refused.code(), absl::StatusCode::kResourceExhausted);
    EXPECT_STREQ(call::ReasonOf(refused), "memory_short");
    EXPECT_THAT(std::string(refused.message()), HasSubstr("950.0 MiB of 1000.0 MiB (/group/memory.max)"));
    EXPECT_EQ(call::RetryDelayOf(refused), std::chrono::milliseconds(1000));
  }
  Look(200, 926);
  EXPECT_FALSE(guard_.CheckStream().ok());
  Look(200, 924);
  EXPECT_TRUE(guard_.CheckCall(2049).ok());
  EXPECT_TRUE(guard_.CheckStream().ok());
}

TEST_F(MemoryGuardTest, TheFullestOfSeveralLimitsCounts) {
  uses_ = {Group(1000, 100), Group(50, 48), Machine(100'000, 1000)};
  guard_.Check(now_);
  EXPECT_FALSE(guard_.CheckStream().ok());
}

TEST_F(MemoryGuardTest, WhatOthersUseOfTheMachineUnloadsNothing) {
  uses_ = {Machine(1000, 1000)};
  for (int i = 0; i < 5; ++i) guard_.Check(now_ += std::chrono::seconds(2));
  EXPECT_THAT(Ready(), ElementsAre("baseline", "b", "c"));
  EXPECT_TRUE(guard_.CheckStream().ok());
}

TEST(CheckRoom, TheTightestLimitDecidesAndTheErrorHasTheNumbers) {
  const std::vector<MemoryUse> uses = {Group(100, 40), Machine(1000, 800)};
  EXPECT_TRUE(CheckRoom(uses, 50 * kMiB, 0.9).ok());
  const absl::Status status = CheckRoom(uses, 51 * kMiB, 0.9);
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(status.message()),
              AllOf(HasSubstr("about 51.0 MiB"), HasSubstr("40.0 MiB of 100.0 MiB (/group/memory.max)"),
                    HasSubstr("at most 90 %"), HasSubstr("raise the limit")));
  EXPECT_TRUE(CheckRoom({Machine(1000, 899)}, 101 * kMiB, 0.9).ok());
  EXPECT_FALSE(CheckRoom({Machine(1000, 899)}, 102 * kMiB, 0.9).ok());
  EXPECT_FALSE(CheckRoom({Group(100, 200)}, 0, 0.9).ok());
}

TEST(MemoryGuard, LargeCallsAreRefusedBeforeTheyAreTokenized) {
  PuppetServer server;
  MemoryGuard guard({.large_call_tokens = 20,
                     .read = [] { return std::vector<MemoryUse>{Group(100, 99)}; },
                     .warn = [](const std::string&) {}},
                    &server.registry, &server.metrics);
  guard.Check(MemoryGuard::Clock::now());
  server.parts.memory = &guard;
  Classification classification(server.parts);
  std::string words;
  for (int i = 0; i < 100; ++i) words += "word ";
  for (const auto& [text, code] : {std::pair<std::string, absl::StatusCode>{"good", absl::StatusCode::kOk},
                                   {words, absl::StatusCode::kResourceExhausted}}) {
    auto call = PuppetServer::Call({text});
    std::promise<CallOutcome> ended;
    call->done = [&](CallOutcome& outcome) { ended.set_value(outcome); };
    classification.Start(call);
    EXPECT_EQ(ended.get_future().get().status.code(), code) << text;
  }
}

}  // namespace
}  // namespace roberta::service
