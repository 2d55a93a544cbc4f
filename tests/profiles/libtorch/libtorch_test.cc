#include "profiles/libtorch/libtorch.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <thread>
#include <vector>

#include "profiles/registry/registry.h"
#include "tests/profiles/checkpoint/checkpoint_fixture.h"
#include "tests/profiles/loaded_model.h"
#include "tests/test_paths.h"
#include "version/version.h"

namespace roberta::libtorch {
namespace {

using profiles_test::LoadedModel;
using ::testing::AllOf;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

std::string DemoModel() {
  return test_paths::InRepository("models/demo-sst2");
}

/// Why the file is refused; every refusal has the same code.
std::string RefusalOf(const std::string& file) {
  const absl::Status status = LoadModuleFrom(file).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition) << status;
  return std::string(status.message());
}

TEST(Module, ThatIsMissingIsRefusedWithThePackageThatItNeeds) {
  EXPECT_THAT(RefusalOf("/nonexistent/roberta-libtorch.so"),
              AllOf(StartsWith("/nonexistent/roberta-libtorch.so: there is no such file"), HasSubstr("libtorch-dev")));
}

TEST(Module, OfAnotherVersionIsRefusedWithBothVersions) {
  EXPECT_THAT(RefusalOf(OTHER_VERSION), AllOf(StartsWith(OTHER_VERSION ": is of version 0.0.0 (of yesterday, Release)"),
                                              HasSubstr(version::kLong)));
}

TEST(Module, WithoutItsFunctionIsRefused) {
  EXPECT_THAT(RefusalOf(NO_FUNCTION), AllOf(StartsWith(NO_FUNCTION ": "), HasSubstr(kModuleFunction)));
}

TEST(Module, ThatIsNoSharedObjectIsRefusedByName) {
  const checkpoint_fixture::ScratchDirectory scratch;
  const std::string file = scratch.In("roberta-libtorch.so");
  checkpoint_fixture::WriteFile(file, std::string(10000, 'x'));
  EXPECT_THAT(RefusalOf(file), AllOf(StartsWith(file + ": "), HasSubstr("ELF"), Not(HasSubstr("libtorch-dev"))));
}

TEST(Module, ThatIsCutShortIsRefusedByName) {
  const checkpoint_fixture::ScratchDirectory scratch;
  const std::string file = scratch.In("roberta-libtorch.so");
  checkpoint_fixture::WriteFile(file, checkpoint_fixture::ReadFile(OTHER_VERSION).substr(0, 1000));
  EXPECT_THAT(RefusalOf(file), StartsWith(file + ": is cut short: it has 1000 bytes"));
}

/// A program that looks for its module in a directory where it is not.
class WithoutModule : public testing::Test {
 protected:
  WithoutModule() { setenv("ROBERTA_MODULES", scratch_.path().c_str(), 1); }
  ~WithoutModule() override { unsetenv("ROBERTA_MODULES"); }

  std::unique_ptr<registry::Registry> Open() const {
    registry::RegistryOptions options;
    options.directory = DemoModel();
    options.default_profile = "baseline";
    options.profiles = {{.name = "baseline", .recipe = "baseline"}, {.name = "reference", .recipe = "reference"}};
    return registry::Registry::Open(options).value();
  }

  const checkpoint_fixture::ScratchDirectory scratch_;
};

TEST_F(WithoutModule, TheProfileIsUnloadedWithTheReasonFromTheStart) {
  const registry::ProfileStatus status = Open()->StatusOf("reference").value();
  EXPECT_EQ(status.state, registry::ProfileState::kUnloaded);
  EXPECT_THAT(status.reason, AllOf(StartsWith(scratch_.path()), HasSubstr("libtorch-dev")));
}

TEST_F(WithoutModule, LoadingTheProfileLeavesItUnloadedWithTheReason) {
  const auto registry = Open();
  const absl::Status loaded = registry->Load("reference");
  EXPECT_EQ(loaded.code(), absl::StatusCode::kFailedPrecondition);
  const registry::ProfileStatus status = registry->StatusOf("reference").value();
  EXPECT_EQ(status.state, registry::ProfileState::kUnloaded);
  EXPECT_EQ(status.reason, loaded.message());
  EXPECT_TRUE(status.revision.empty());
}

TEST_F(WithoutModule, ADamagedModuleLeavesTheProfileUnloadedWithTheReason) {
  checkpoint_fixture::WriteFile(scratch_.In("roberta-libtorch.so"), "not a shared object");
  const auto registry = Open();
  EXPECT_FALSE(registry->Load("reference").ok());
  const registry::ProfileStatus status = registry->StatusOf("reference").value();
  EXPECT_EQ(status.state, registry::ProfileState::kUnloaded);
  EXPECT_THAT(status.reason, StartsWith(scratch_.In("roberta-libtorch.so: ")));
}

TEST_F(WithoutModule, OtherProfilesLoad) {
  const auto registry = Open();
  EXPECT_FALSE(registry->Load("reference").ok());
  EXPECT_TRUE(registry->Load("baseline").ok());
}

TEST(ModuleFile, IsBesideThePrograms) {
  unsetenv("ROBERTA_MODULES");
  EXPECT_THAT(ModuleFile(), EndsWith("/lib/roberta-serve/roberta-libtorch.so"));
}

class LoadedModule : public testing::Test {
 protected:
  void SetUp() override {
    if (const absl::Status found = FindModule(); !found.ok()) GTEST_SKIP() << "not measured: " << found.message();
  }
};

TEST_F(LoadedModule, IsBuiltWithTheVersionThatIsKnownWithoutIt) {
  const auto module = LoadModule();
  ASSERT_TRUE(module.ok()) << module.status();
  EXPECT_STREQ((*module)->libtorch_version, VersionBuiltWith());
}

TEST_F(LoadedModule, IsLoadedOnceForAllThreads) {
  std::vector<const Module*> modules(4);
  std::vector<std::thread> threads;
  for (const Module*& module : modules) threads.emplace_back([&module] { module = LoadModule().value(); });
  for (std::thread& thread : threads) thread.join();
  for (const Module* module : modules) EXPECT_EQ(module, modules[0]);
}

TEST_F(LoadedModule, ItsReferenceGivesTheLogitsOfBaseline) {
  const LoadedModel reference(DemoModel(), &LoadReference), baseline(DemoModel(), profiles_test::Packed("baseline"));
  const std::vector<std::vector<int32_t>> texts = {baseline.Encode("a warm, funny and deeply moving film").ids,
                                                   baseline.Encode("a dull mess").ids};
  const std::vector<float> expected = baseline.Run(texts), logits = reference.Run(texts);
  for (size_t i = 0; i < expected.size(); ++i) EXPECT_NEAR(logits[i], expected[i], 1e-4) << i;
}

TEST_F(LoadedModule, ItsErrorsAreThoseOfTheProgram) {
  const LoadedModel reference(DemoModel(), &LoadReference);
  std::vector<float> logits(2);
  const absl::Status status = reference.profile->Run({{0, 2}, {0, 3}}, absl::MakeSpan(logits));
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
}

TEST_F(LoadedModule, ItsProfileStartsNoThreads) {
  const LoadedModel reference(DemoModel(), &LoadReference);
  const auto threads = [] {
    const std::filesystem::directory_iterator tasks("/proc/self/task");
    return std::distance(begin(tasks), end(tasks));
  };
  const auto before = threads();
  reference.Run({std::vector<int32_t>(400, 10)});
  EXPECT_EQ(threads(), before);
}

}  // namespace
}  // namespace roberta::libtorch
