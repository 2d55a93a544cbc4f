#include "server/app/options.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

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
      std::make_shared<std::atomic<size_t>>(1));
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

TEST(ToRegistryOptions, RunsEveryTaskOnceOnAsManyThreadsAsAllowed) {
  const auto threads = std::make_shared<std::atomic<size_t>>(3);
  const registry::RegistryOptions options = ToRegistryOptions(Parsed(""), threads);
  for (const size_t allowed : {3, 1}) {
    *threads = allowed;
    std::mutex mutex;
    std::multiset<size_t> ran;
    std::set<std::thread::id> ids;
    options.run_all(50, [&](size_t i) {
      const std::lock_guard lock(mutex);
      ran.insert(i);
      ids.insert(std::this_thread::get_id());
    });
    EXPECT_EQ(ran.size(), 50u);
    for (size_t i = 0; i < 50; ++i) EXPECT_EQ(ran.count(i), 1u);
    EXPECT_LE(ids.size(), allowed);
  }
}

}  // namespace
}  // namespace roberta::app
