// Checkpoints whose weights are spread over several files by model.safetensors.index.json.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <string>

#include "profiles/checkpoint/checkpoint.h"
#include "tests/profiles/checkpoint/checkpoint_fixture.h"

namespace roberta::checkpoint {
namespace {

using checkpoint_fixture::ScratchDirectory;
using checkpoint_fixture::Tensor;
using checkpoint_fixture::TinyConfig;
using checkpoint_fixture::WriteFile;
using nlohmann::json;
using ::testing::AllOf;
using ::testing::HasSubstr;

constexpr char kFirst[] = "model-00001-of-00002.safetensors";
constexpr char kSecond[] = "model-00002-of-00002.safetensors";
constexpr char kWordEmbeddings[] = "roberta.embeddings.word_embeddings.weight";

class ShardsTest : public ::testing::Test {
 protected:
  /// Writes a sound checkpoint with its tensors taken in turns by two shards.
  ShardsTest() {
    WriteFile(scratch_.In("config.json"), TinyConfig().dump());
    std::vector<Tensor> shards[2];
    for (size_t i = 0; i < tensors_.size(); ++i) {
      shards[i % 2].push_back(tensors_[i]);
      index_["weight_map"][tensors_[i].name] = i % 2 == 0 ? kFirst : kSecond;
    }
    checkpoint_fixture::WriteTensors(scratch_.In(kFirst), shards[0]);
    checkpoint_fixture::WriteTensors(scratch_.In(kSecond), shards[1]);
    index_["metadata"]["total_size"] = 1;
  }
  absl::StatusOr<std::unique_ptr<const Checkpoint>> Open() {
    WriteFile(scratch_.In("model.safetensors.index.json"), index_.dump());
    return Checkpoint::Open(scratch_.path());
  }
  std::string ErrorOf(absl::StatusCode code = absl::StatusCode::kInvalidArgument) {
    const auto opened = Open();
    EXPECT_EQ(opened.status().code(), code);
    return std::string(opened.status().message());
  }

  ScratchDirectory scratch_;
  std::vector<Tensor> tensors_ = checkpoint_fixture::MakeTensors(TinyConfig());
  json index_;
};

TEST_F(ShardsTest, GiveTheBytesOfEveryTensor) {
  const auto opened = Open();
  ASSERT_TRUE(opened.ok()) << opened.status();
  for (const Tensor& tensor : tensors_) {
    EXPECT_EQ((*opened)->tensor(tensor.name).data, checkpoint_fixture::AsBytes(tensor.bytes)) << tensor.name;
  }
}

TEST_F(ShardsTest, SizeOnDiskIsTheirSum) {
  EXPECT_EQ((*Open())->bytes_on_disk(),
            std::filesystem::file_size(scratch_.In(kFirst)) + std::filesystem::file_size(scratch_.In(kSecond)));
}

TEST_F(ShardsTest, SingleFileIsPreferred) {
  std::filesystem::remove(scratch_.In(kFirst));
  checkpoint_fixture::WriteTensors(scratch_.In("model.safetensors"), tensors_);
  EXPECT_TRUE(Open().ok());
}

TEST_F(ShardsTest, MissingShardIsNotFound) {
  std::filesystem::remove(scratch_.In(kSecond));
  EXPECT_THAT(ErrorOf(absl::StatusCode::kNotFound), HasSubstr(scratch_.In(kSecond) + ": cannot open"));
}

TEST_F(ShardsTest, BrokenShardIsNamed) {
  WriteFile(scratch_.In(kSecond), "x");
  EXPECT_THAT(ErrorOf(), HasSubstr(scratch_.In(kSecond) + ": is 1 bytes long"));
}

TEST_F(ShardsTest, WhatTheIndexSaysOfTensorsDoesNotCount) {
  index_["weight_map"][kWordEmbeddings] = kSecond;  // it is in the first
  index_["weight_map"].erase(tensors_[1].name);
  index_["weight_map"]["ghost"] = kFirst;
  EXPECT_TRUE(Open().ok());
}

TEST_F(ShardsTest, MayBeInFoldersOfTheDirectory) {
  std::filesystem::create_directories(scratch_.In("a/b"));
  std::filesystem::rename(scratch_.In(kFirst), scratch_.In("a/b/..1.safetensors"));
  for (json& shard : index_["weight_map"]) {
    if (shard == kFirst) shard = "a/./b/..1.safetensors";
  }
  EXPECT_TRUE(Open().ok());
}

TEST_F(ShardsTest, ATensorInTwoShardsIsRefused) {
  checkpoint_fixture::WriteTensors(scratch_.In("third.safetensors"), {tensors_[0]});
  index_["weight_map"]["ghost"] = "third.safetensors";
  EXPECT_THAT(ErrorOf(), HasSubstr("third.safetensors: tensor \"" + tensors_[0].name + "\" is another"));
}

TEST_F(ShardsTest, MisshapenTensorIsToldOfItsShard) {
  Tensor& tensor = checkpoint_fixture::Find(tensors_, kWordEmbeddings);
  tensor.shape = {4, 11};
  std::vector<Tensor> first;
  for (size_t i = 0; i < tensors_.size(); i += 2) first.push_back(tensors_[i]);
  checkpoint_fixture::WriteTensors(scratch_.In(kFirst), first);
  EXPECT_THAT(ErrorOf(), HasSubstr(scratch_.In(kFirst) + ": tensor \"" + kWordEmbeddings + "\" has shape [4, 11]"));
}

class RefusedShardNames : public ShardsTest, public ::testing::WithParamInterface<json> {};
TEST_P(RefusedShardNames, AreToldWithTheTensor) {
  index_["weight_map"][kWordEmbeddings] = GetParam();
  EXPECT_THAT(ErrorOf(), HasSubstr(std::string("model.safetensors.index.json: field \"weight_map.") + kWordEmbeddings +
                                   "\" is " + GetParam().dump() + "; it must be the path of a"));
}
INSTANTIATE_TEST_SUITE_P(All, RefusedShardNames,
                         ::testing::Values(json("../model.safetensors"), json("/etc/model.safetensors"),
                                           json("a/../../b.safetensors"), json(".."), json(""), json("config.json"),
                                           json("pytorch_model.bin"), json(std::string("a\0.safetensors", 14)), json(1),
                                           json(nullptr)));

class RefusedIndexes : public ShardsTest, public ::testing::WithParamInterface<std::pair<const char*, const char*>> {};
TEST_P(RefusedIndexes, AreToldWithTheReason) {
  WriteFile(scratch_.In("model.safetensors.index.json"), GetParam().first);
  const auto opened = Checkpoint::Open(scratch_.path());
  EXPECT_EQ(opened.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(opened.status().message()),
              AllOf(HasSubstr(scratch_.In("model.safetensors.index.json") + ": "), HasSubstr(GetParam().second)));
}
INSTANTIATE_TEST_SUITE_P(All, RefusedIndexes,
                         ::testing::Values(std::pair{"", "not JSON"}, std::pair{"[]", "is []; it must be an object"},
                                           std::pair{"{}", "\"weight_map\" is null; it must be an object"},
                                           std::pair{R"({"weight_map": []})", "\"weight_map\" is []"},
                                           std::pair{R"({"weight_map": {}})", "is missing"}));

}  // namespace
}  // namespace roberta::checkpoint
