#include "profiles/checkpoint/pruning.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "tests/profiles/checkpoint/checkpoint_fixture.h"

namespace roberta::checkpoint {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

ModelConfig TwoLayers() {
  ModelConfig config;
  config.num_hidden_layers = 2;
  config.num_attention_heads = 4;
  config.hidden_size = 16;
  config.intermediate_size = 6;
  return config;
}

std::string File(const std::string& layers) {
  return "{\"format\": \"roberta-serve pruning\", \"version\": 1, \"layers\": [" + layers + "]}";
}

TEST(Pruning, ReadsWhatEachLayerKeeps) {
  const auto mask =
      ParsePruning(File(R"({"heads": [0, 3], "neurons": [1, 2, 5]}, {"heads": [], "neurons": []})"), TwoLayers());
  ASSERT_TRUE(mask.ok()) << mask.status();
  EXPECT_THAT((*mask)[0].heads, ElementsAre(0, 3));
  EXPECT_THAT((*mask)[0].neurons, ElementsAre(1, 2, 5));
  EXPECT_TRUE((*mask)[1].heads.empty());
}

TEST(Pruning, ReadsWhatItWrites) {
  const PruningMask mask = {{{0, 2}, {1}}, {{3}, {0, 5}}};
  EXPECT_EQ(ParsePruning(PruningJson(mask), TwoLayers()).value(), mask);
}

TEST(Pruning, NamesTheFieldAndTheValueThatIsWrong) {
  const struct {
    std::string text, error;
  } kCases[] = {
      {"{", "line 1"},
      {"[]", "is not a JSON object"},
      {"{}", "field \"format\" is null"},
      {R"({"format": "roberta-serve pruning", "version": 2})", "field \"version\" is 2, not 1"},
      {R"({"format": "roberta-serve pruning", "version": 1})", "field \"layers\""},
      {File("{}"), "field \"layers\" is not a list of the model's 2"},
      {File("1, 2"), "field \"layers[0]\" is not an object"},
      {File("{}, {}"), "field \"layers[0].heads\" is not a list"},
      {File(R"({"heads": [4], "neurons": []}, {})"), "field \"layers[0].heads\" has 4"},
      {File(R"({"heads": [1, 1], "neurons": []}, {})"), "field \"layers[0].heads\" has 1"},
      {File(R"({"heads": [-1], "neurons": []}, {})"), "field \"layers[0].heads\" has -1"},
      {File(R"({"heads": [0.5], "neurons": []}, {})"), "field \"layers[0].heads\" has 0.5"},
      {File(R"({"heads": [0], "neurons": [18446744073709551615]}, {})"), "field \"layers[0].neurons\" has 18"},
  };
  for (const auto& one : kCases) {
    const auto mask = ParsePruning(one.text, TwoLayers());
    EXPECT_TRUE(absl::IsInvalidArgument(mask.status())) << one.text;
    EXPECT_THAT(std::string(mask.status().message()), HasSubstr(one.error));
  }
}

TEST(Pruning, AVariantIsASubdirectoryWithAPruningFile) {
  const checkpoint_fixture::ScratchDirectory scratch;
  std::filesystem::create_directory(scratch.In("pruned"));
  EXPECT_EQ(FindPrunedVariant(scratch.path()), std::nullopt);
  checkpoint_fixture::WriteFile(scratch.In("pruned/pruning.json"), "");
  EXPECT_EQ(FindPrunedVariant(scratch.path()), scratch.In("pruned"));
}

TEST(Pruning, KeptMacsCountsHeadsAndNeurons) {
  // A layer has 4 * 16 columns of attention and 2 * 6 of the feed-forward part.
  EXPECT_DOUBLE_EQ(KeptMacs({{{0, 1}, {0, 1, 2}}, {{0, 1, 2, 3}, {0, 1, 2, 3, 4, 5}}}, TwoLayers()), (38 + 76) / 152.0);
  EXPECT_DOUBLE_EQ(KeptMacs({}, TwoLayers()), 1);
}

}  // namespace
}  // namespace roberta::checkpoint
