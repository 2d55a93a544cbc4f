#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <string>
#include <thread>

#include "profiles/checkpoint/checkpoint.h"
#include "tests/profiles/checkpoint/checkpoint_fixture.h"
#include "tests/test_paths.h"

namespace roberta::checkpoint {
namespace {

using checkpoint_fixture::Find;
using checkpoint_fixture::ScratchDirectory;
using checkpoint_fixture::Tensor;
using checkpoint_fixture::TinyConfig;
using nlohmann::json;

std::string RevisionOf(const json& config, const std::vector<Tensor>& tensors) {
  const ScratchDirectory scratch;
  checkpoint_fixture::WriteCheckpoint(scratch.path(), config, tensors);
  const auto opened = Checkpoint::Open(scratch.path());
  EXPECT_TRUE(opened.ok()) << opened.status();
  return opened.ok() ? (*opened)->revision() : "";
}

std::vector<Tensor> TinyTensors() {
  return checkpoint_fixture::MakeTensors(TinyConfig());
}
std::string TinyRevision() {
  return RevisionOf(TinyConfig(), TinyTensors());
}

TEST(Revision, IsSixteenHexadecimalDigits) {
  EXPECT_THAT(TinyRevision(), ::testing::MatchesRegex("[0-9a-f]{16}"));
}

TEST(Revision, IsTheSameForTheSameContents) {
  EXPECT_EQ(TinyRevision(), TinyRevision());
}

TEST(Revision, DoesNotDependOnTheOrderInTheFile) {
  std::vector<Tensor> tensors = TinyTensors();
  std::reverse(tensors.begin(), tensors.end());
  EXPECT_EQ(RevisionOf(TinyConfig(), tensors), TinyRevision());
}

TEST(Revision, DoesNotDependOnFieldsThatNothingIsComputedFrom) {
  json config = TinyConfig();
  config["transformers_version"] = "4.40.0";
  EXPECT_EQ(RevisionOf(config, TinyTensors()), TinyRevision());
}

TEST(Revision, DependsOnTheActivationFunctionAndNotOnItsName) {
  json config = TinyConfig();
  config["hidden_act"] = "gelu_python";
  EXPECT_EQ(RevisionOf(config, TinyTensors()), TinyRevision());
  config["hidden_act"] = "relu";
  EXPECT_NE(RevisionOf(config, TinyTensors()), TinyRevision());
}

TEST(Revision, DoesNotDependOnUnusedTensors) {
  std::vector<Tensor> tensors = TinyTensors();
  tensors.push_back(checkpoint_fixture::MakeTensor("roberta.pooler.dense.bias", {4}, Dtype::kF32, 1));
  EXPECT_EQ(RevisionOf(TinyConfig(), tensors), TinyRevision());
}

TEST(Revision, ChangesWithOneBitOfAnyTensor) {
  const std::string before = TinyRevision();
  for (size_t i = 0; i < TinyTensors().size(); ++i) {
    std::vector<Tensor> tensors = TinyTensors();
    tensors[i].bytes.back() ^= 1;
    EXPECT_NE(RevisionOf(TinyConfig(), tensors), before) << tensors[i].name;
  }
}

TEST(Revision, ChangesWhenTwoTensorsAreExchanged) {
  std::vector<Tensor> tensors = TinyTensors();
  std::swap(Find(tensors, "roberta.encoder.layer.0.attention.self.query.weight").bytes,
            Find(tensors, "roberta.encoder.layer.0.attention.self.key.weight").bytes);
  EXPECT_NE(RevisionOf(TinyConfig(), tensors), TinyRevision());
}

TEST(Revision, ChangesWithTheDtypeOfEqualBytes) {
  EXPECT_NE(RevisionOf(TinyConfig(), checkpoint_fixture::MakeTensors(TinyConfig(), Dtype::kF16)),
            RevisionOf(TinyConfig(), checkpoint_fixture::MakeTensors(TinyConfig(), Dtype::kBF16)));
}

class RevisionFields : public ::testing::TestWithParam<std::pair<const char*, json>> {};
TEST_P(RevisionFields, ChangeIt) {
  json config = TinyConfig();
  config[GetParam().first] = GetParam().second;
  EXPECT_NE(RevisionOf(config, TinyTensors()), TinyRevision());
}
INSTANTIATE_TEST_SUITE_P(All, RevisionFields,
                         ::testing::Values(std::pair{"layer_norm_eps", json(1e-6)},
                                           std::pair{"num_attention_heads", json(1)},
                                           std::pair{"pad_token_id", json(0)},
                                           std::pair{"problem_type", json("regression")},
                                           std::pair{"id2label", json{{"0", "yes"}, {"1", "no"}}}));

TEST(Revision, IsOneForThreadsThatAskTogether) {
  const auto opened = Checkpoint::Open(test_paths::InRepository("models/demo-sst2"));
  ASSERT_TRUE(opened.ok()) << opened.status();
  const std::string* first = nullptr;
  const std::string* second = nullptr;
  std::thread other([&] { first = &(*opened)->revision(); });
  second = &(*opened)->revision();
  other.join();
  EXPECT_EQ(first, second);
}

}  // namespace
}  // namespace roberta::checkpoint
