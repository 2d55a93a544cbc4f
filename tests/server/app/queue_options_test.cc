#include "server/app/options.h"

#include <gtest/gtest.h>

#include "server/config/server_config.h"

namespace roberta::app {
namespace {

using batching::LoadingStrategy;

batching::BatchQueueOptions OptionsOf(std::string_view text, const std::vector<std::string>& names) {
  config::ServerConfig config = config::ParseConfig(text, config::Format::kTextProto, "test").value();
  config::CompleteConfig({}, 2, KnownRecipes(), &config);
  return ToQueueOptions(config, names);
}

TEST(ToQueueOptions, CarriesEverySettingOfAProfileToItsPlace) {
  const auto options = OptionsOf(
      "execution { max_batch_tokens: 100 queue_capacity_items: 7 queue_capacity_tokens: 700 } profiles { name: 'amp' } "
      "profiles { name: 'baseline' data_loading { strategy: 'bucketed' max_batch_tokens: 50 prefetch: true } }",
      {"baseline", "amp"});
  EXPECT_EQ(options.profiles, 3u);
  EXPECT_EQ(options.capacity_items, 7u);
  EXPECT_EQ(options.capacity_tokens, 700u);
  EXPECT_EQ(options.policy.max_batch_tokens, 100u);
  ASSERT_EQ(options.loading.size(), options.profiles);
  EXPECT_EQ(options.loading[0].strategy, LoadingStrategy::kBucketed);
  EXPECT_EQ(options.loading[0].max_batch_tokens, 50u);
  EXPECT_TRUE(options.loading[0].prefetch);
  EXPECT_EQ(options.loading[1].max_batch_tokens, 100u);
}

TEST(ToQueueOptions, BatchesAreByMeasurementUnlessTheConfigurationLimitsThem) {
  const auto options = OptionsOf("execution { executors: 3 } profiles { name: 'amp' }", {"amp"});
  EXPECT_EQ(options.executors, 3u);
  EXPECT_EQ(options.policy.max_batch_tokens, 2048u);
  for (const batching::DataLoading& loading : options.loading) EXPECT_EQ(loading.max_batch_tokens, std::nullopt);
}

TEST(ToQueueOptions, AllOtherExecutorsMayHelpButNoMoreThanSeven) {
  EXPECT_EQ(OptionsOf("execution { executors: 4 split_lone_requests: true }", {}).most_helpers, 3u);
  EXPECT_EQ(OptionsOf("execution { executors: 40 split_lone_requests: true }", {}).most_helpers, 7u);
  EXPECT_EQ(OptionsOf("execution { executors: 1 split_lone_requests: true }", {}).most_helpers, 0u);
  EXPECT_EQ(OptionsOf("execution { executors: 4 split_lone_requests: false }", {}).most_helpers, 0u);
}

TEST(ToQueueOptions, LongTextsAreWhatTheConfigurationCallsLong) {
  EXPECT_EQ(OptionsOf("execution { long_item_tokens: 77 }", {}).policy.long_item_tokens, 77u);
  EXPECT_EQ(OptionsOf("execution { long_item_tokens: 0 }", {}).policy.long_item_tokens, 0u);
}

TEST(ToQueueOptions, KnowsEveryStrategy) {
  const std::pair<const char*, LoadingStrategy> kStrategies[] = {{"padded", LoadingStrategy::kPadded},
                                                                 {"bucketed", LoadingStrategy::kBucketed},
                                                                 {"packed", LoadingStrategy::kPacked}};
  for (const auto& [name, strategy] : kStrategies) {
    const auto options =
        OptionsOf(std::string("profiles { name: 'amp' data_loading { strategy: '") + name + "' } }", {"amp"});
    EXPECT_EQ(options.loading[0].strategy, strategy);
  }
}

TEST(ToQueueOptions, PacksAndDoesNotFormEarlyUnlessToldButForTheReferenceWhichPadsAnyway) {
  const auto options = OptionsOf("profiles { name: 'amp' } profiles { name: 'reference' }", {"amp", "reference"});
  EXPECT_EQ(options.loading[0].strategy, LoadingStrategy::kPacked);
  EXPECT_FALSE(options.loading[0].prefetch);
  EXPECT_EQ(options.loading[1].strategy, LoadingStrategy::kPadded);
}

}  // namespace
}  // namespace roberta::app
