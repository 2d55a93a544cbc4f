#include "server/app/options.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <latch>
#include <mutex>
#include <set>
#include <thread>

#include "server/config/server_config.h"

namespace roberta::app {
namespace {

using ::testing::ElementsAre;

config::ServerConfig Parsed(std::string_view text) {
  config::ServerConfig config = config::ParseConfig(text, config::Format::kTextProto, "test").value();
  config::CompleteConfig({}, 2, KnownRecipes(), &config);
  return config;
}

TEST(LoadOrder, BaselineComesFirstThenTheDefaultAndOnlyWhatIsToBeLoaded) {
  EXPECT_THAT(
      LoadOrder(Parsed("profiles { name: 'amp' } profiles { name: 'quantized' } profiles { name: 'pruned' load: false }"
                       "profiles { name: 'plain' recipe: 'baseline' } default_profile: 'quantized'")),
      ElementsAre("plain", "quantized", "amp"));
}

TEST(ToRegistryOptions, CarriesEveryFieldOfAProfile) {
  const registry::RegistryOptions options = ToRegistryOptions(
      Parsed("model { directory: 'm' sample_file: 's' } execution { executors: 3 } profiles { name: "
             "'small' recipe: 'pruned' "
             "directory: 'd' keep_macs: 0.5 calibration_file: 'c' gate { min_agreement: 0.1 max_mean_abs_dp: 0.2 "
             "max_accuracy_drop_points: 3 } }"),
      std::make_shared<LoadThreads>());
  EXPECT_EQ(options.directory, "m");
  EXPECT_EQ(options.sample_file, "s");
  EXPECT_EQ(options.executors, 3u);
  EXPECT_EQ(options.default_profile, "small");
  ASSERT_EQ(options.profiles.size(), 1u);
  const registry::ProfileSpec& spec = options.profiles[0];
  EXPECT_EQ(spec.recipe, "pruned");
  EXPECT_EQ(spec.directory, "d");
  EXPECT_EQ(spec.keep_macs, 0.5);
  EXPECT_EQ(spec.calibration_file, "c");
  EXPECT_EQ(spec.gate.min_agreement, 0.1);
  EXPECT_EQ(spec.gate.max_mean_abs_dp, 0.2);
  EXPECT_EQ(spec.gate.max_accuracy_drop_points, 3);
}

/// `allowed` tasks run at a time, which fewer threads could not, and no more threads are there.
void ExpectThreads(const quality::RunAll& run_all, size_t allowed) {
  std::mutex mutex;
  std::set<std::thread::id> ids;
  std::latch all_run(static_cast<std::ptrdiff_t>(allowed));
  run_all(50, [&](size_t i) {
    if (i < allowed) all_run.arrive_and_wait();
    const std::lock_guard lock(mutex);
    ids.insert(std::this_thread::get_id());
  });
  EXPECT_EQ(ids.size(), allowed);
}

TEST(ToRegistryOptions, PackingAndTheSampleHaveTheThreadsThatAreAllowedAtTheTime) {
  const auto threads = std::make_shared<LoadThreads>();
  const registry::RegistryOptions options = ToRegistryOptions(Parsed(""), threads);
  EXPECT_EQ(options.pack_threads(), 1u);
  ExpectThreads(options.run_all, 1);
  threads->packing = 2;
  threads->sample = 3;
  EXPECT_EQ(options.pack_threads(), 2u);
  ExpectThreads(options.run_all, 3);
}

}  // namespace
}  // namespace roberta::app
