#include "profiles/checkpoint/checkpoint.h"
#include "profiles/checkpoint/problem.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <string>

#include "tests/profiles/checkpoint/checkpoint_fixture.h"
#include "tests/test_paths.h"

namespace roberta::checkpoint {
namespace {

using checkpoint_fixture::Find;
using checkpoint_fixture::MakeTensor;
using checkpoint_fixture::MakeTensors;
using checkpoint_fixture::Remove;
using checkpoint_fixture::ScratchDirectory;
using checkpoint_fixture::Tensor;
using checkpoint_fixture::TinyConfig;
using checkpoint_fixture::WriteCheckpoint;
using checkpoint_fixture::WriteFile;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;

constexpr char kQueryWeight[] = "roberta.encoder.layer.0.attention.self.query.weight";

class CheckpointTest : public ::testing::Test {
 protected:
  /// Opens a checkpoint of the tiny config and `tensors`; expects it to be refused with `code`.
  std::string ErrorOf(const std::vector<Tensor>& tensors) {
    WriteCheckpoint(scratch_.path(), TinyConfig(), tensors);
    return ErrorOfDirectory(absl::StatusCode::kInvalidArgument);
  }
  std::string ErrorOfDirectory(absl::StatusCode code) {
    const auto opened = Checkpoint::Open(scratch_.path());
    EXPECT_EQ(opened.status().code(), code);
    return std::string(opened.status().message());
  }

  ScratchDirectory scratch_;
  std::vector<Tensor> tensors_ = MakeTensors(TinyConfig());
};

TEST_F(CheckpointTest, GivesTheBytesOfEveryTensor) {
  WriteCheckpoint(scratch_.path(), TinyConfig(), tensors_);
  const auto opened = Checkpoint::Open(scratch_.path());
  ASSERT_TRUE(opened.ok()) << opened.status();
  for (const Tensor& tensor : tensors_) {
    EXPECT_EQ((*opened)->tensor(tensor.name).data, checkpoint_fixture::AsBytes(tensor.bytes)) << tensor.name;
  }
}

TEST_F(CheckpointTest, ListsTensorsInTheOrderOfTheTable) {
  WriteCheckpoint(scratch_.path(), TinyConfig(), {tensors_.rbegin(), tensors_.rend()});
  const auto opened = Checkpoint::Open(scratch_.path());
  ASSERT_TRUE(opened.ok()) << opened.status();
  const auto specs = ExpectedTensors((*opened)->config());
  ASSERT_EQ((*opened)->tensors().size(), specs.size());
  for (size_t i = 0; i < specs.size(); ++i) EXPECT_EQ((*opened)->tensors()[i].name, specs[i].name);
}

TEST_F(CheckpointTest, DtypesMayBeMixed) {
  Tensor& query = Find(tensors_, kQueryWeight);
  query = MakeTensor(query.name, query.shape, Dtype::kBF16, 1);
  WriteCheckpoint(scratch_.path(), TinyConfig(), tensors_);
  const auto opened = Checkpoint::Open(scratch_.path());
  ASSERT_TRUE(opened.ok()) << opened.status();
  EXPECT_EQ((*opened)->tensor(kQueryWeight).dtype, Dtype::kBF16);
}

TEST_F(CheckpointTest, TensorsThatTheModelHasNotAreIgnored) {
  tensors_.push_back(MakeTensor("roberta.embeddings.position_ids", {1, 8}, Dtype::kI64, 1));
  tensors_.push_back(MakeTensor("roberta.encoder.layer.1.output.dense.bias", {4}, Dtype::kF32, 1));
  tensors_.push_back(MakeTensor("a\n", {4, 4}, *DtypeFromName("F4"), 1));
  WriteCheckpoint(scratch_.path(), TinyConfig(), tensors_);
  const auto opened = Checkpoint::Open(scratch_.path());
  ASSERT_TRUE(opened.ok()) << opened.status();
  ASSERT_THAT((*opened)->unused_tensors(), SizeIs(3));
  EXPECT_EQ((*opened)->unused_tensors()[0].name, "a\n");
  EXPECT_EQ(DtypeName((*opened)->unused_tensors()[0].dtype), "F4");
  EXPECT_EQ((*opened)->unused_tensors()[2].name, "roberta.encoder.layer.1.output.dense.bias");
}

TEST_F(CheckpointTest, NamesAreThoseThatTransformersLooksFor) {
  std::vector<Tensor> sound = tensors_;
  const auto opens_with = [&](std::string_view part, std::string_view to) {
    tensors_ = sound;
    for (Tensor& tensor : tensors_) {
      const size_t at = tensor.name.find(part);
      if (at != std::string::npos) tensor.name.replace(at, part.size(), to);
    }
    WriteCheckpoint(scratch_.path(), TinyConfig(), tensors_);
    const auto opened = Checkpoint::Open(scratch_.path());
    return opened.ok() &&
           (*opened)->tensor(kQueryWeight).data == checkpoint_fixture::AsBytes(Find(sound, kQueryWeight).bytes);
  };
  EXPECT_TRUE(opens_with("LayerNorm.weight", "LayerNorm.gamma"));
  EXPECT_TRUE(opens_with("LayerNorm.bias", "LayerNorm.beta"));
  EXPECT_TRUE(opens_with("roberta.", ""));
  EXPECT_TRUE(opens_with("roberta.encoder.", "encoder."));
  EXPECT_TRUE(opens_with("classifier.", "roberta.classifier."));
  EXPECT_FALSE(opens_with("roberta.", "module.roberta."));
  EXPECT_FALSE(opens_with("LayerNorm.weight", "layernorm.weight"));
}

TEST_F(CheckpointTest, ATensorUnderTwoNamesIsRefused) {
  tensors_.push_back(MakeTensor("embeddings.LayerNorm.gamma", {4}, Dtype::kF32, 1));
  EXPECT_THAT(ErrorOf(tensors_),
              HasSubstr("tensor \"embeddings.LayerNorm.gamma\" is another roberta.embeddings.LayerNorm.weight"));
}

TEST_F(CheckpointTest, SizeOnDiskIsTheFiles) {
  WriteCheckpoint(scratch_.path(), TinyConfig(), tensors_);
  EXPECT_EQ((*Checkpoint::Open(scratch_.path()))->bytes_on_disk(),
            std::filesystem::file_size(scratch_.In("model.safetensors")));
}

TEST_F(CheckpointTest, OutlivesTheNameOfItsFile) {
  WriteCheckpoint(scratch_.path(), TinyConfig(), tensors_);
  const auto opened = Checkpoint::Open(scratch_.path());
  ASSERT_TRUE(opened.ok()) << opened.status();
  std::filesystem::remove(scratch_.In("model.safetensors"));
  EXPECT_EQ((*opened)->tensor(kQueryWeight).data, checkpoint_fixture::AsBytes(Find(tensors_, kQueryWeight).bytes));
}

TEST_F(CheckpointTest, MissingTensorIsNamedWithTheShapeItShouldHave) {
  Remove(&tensors_, kQueryWeight);
  EXPECT_EQ(ErrorOf(tensors_),
            scratch_.In("model.safetensors") + ": tensor \"" + kQueryWeight + "\" [4, 4] is missing");
}

TEST_F(CheckpointTest, MisshapenTensorIsNamedWithBothShapes) {
  Find(tensors_, kQueryWeight) = MakeTensor(kQueryWeight, {2, 8}, Dtype::kF32, 1);
  EXPECT_THAT(ErrorOf(tensors_), HasSubstr("query.weight\" has shape [2, 8]; config.json makes it [4, 4]"));
}

TEST_F(CheckpointTest, IntegerWeightIsNamed) {
  Find(tensors_, kQueryWeight) = MakeTensor(kQueryWeight, {4, 4}, Dtype::kI64, 1);
  EXPECT_THAT(ErrorOf(tensors_), HasSubstr("query.weight\" has dtype I64; it must be F32, F16, BF16 or F64"));
}

TEST_F(CheckpointTest, EverythingWrongWithTheTensorsIsInOneError) {
  Remove(&tensors_, "classifier.dense.bias");
  tensors_.push_back(MakeTensor("stranger", {1}, Dtype::kF32, 1));
  Find(tensors_, kQueryWeight) = MakeTensor(kQueryWeight, {16}, Dtype::kF32, 1);
  EXPECT_THAT(ErrorOf(tensors_), AllOf(HasSubstr("\"classifier.dense.bias\" [4] is missing"),
                                       HasSubstr("holds 1 tensors that are not the model's, like \"stranger\""),
                                       HasSubstr("has shape [16]"), Not(HasSubstr("\n"))));
}

TEST_F(CheckpointTest, TenTensorsOfALongListAreInTheErrorAndTheOthersCounted) {
  const std::string error = ErrorOf({});
  size_t missing = 0;
  for (size_t at = error.find("is missing"); at != std::string::npos; at = error.find("is missing", at + 1)) ++missing;
  EXPECT_EQ(missing, 10u);
  EXPECT_THAT(error, HasSubstr("; and 15 more (roberta-model inspect lists all of them)"));
}

TEST_F(CheckpointTest, EveryProblemOfALongListIsToldOnRequest) {
  WriteCheckpoint(scratch_.path(), TinyConfig(), {});
  std::vector<Problem> problems;
  EXPECT_EQ(Checkpoint::Open(scratch_.path(), &problems), nullptr);
  EXPECT_THAT(problems, SizeIs(25));
}

TEST_F(CheckpointTest, ProblemsOfConfigAndWeightsAreToldTogether) {
  WriteCheckpoint(scratch_.path(), TinyConfig(), tensors_);
  WriteFile(scratch_.In("config.json"), "{}");
  WriteFile(scratch_.In("model.safetensors"), "short");
  EXPECT_THAT(ErrorOfDirectory(absl::StatusCode::kInvalidArgument),
              AllOf(HasSubstr("config.json: field \"model_type\" is missing"),
                    HasSubstr("model.safetensors: is 5 bytes long")));
}

TEST_F(CheckpointTest, MissingConfigIsNotFound) {
  checkpoint_fixture::WriteTensors(scratch_.In("model.safetensors"), tensors_);
  EXPECT_THAT(ErrorOfDirectory(absl::StatusCode::kNotFound), HasSubstr(scratch_.In("config.json") + ": "));
}

TEST_F(CheckpointTest, MissingWeightsAreNotFound) {
  WriteFile(scratch_.In("config.json"), TinyConfig().dump());
  EXPECT_EQ(ErrorOfDirectory(absl::StatusCode::kNotFound),
            scratch_.path() + ": has neither model.safetensors nor model.safetensors.index.json");
}

TEST_F(CheckpointTest, PickleIsRefusedWithTheWayToConvertIt) {
  WriteFile(scratch_.In("config.json"), TinyConfig().dump());
  WriteFile(scratch_.In("pytorch_model.bin"), "\x80\x02");
  EXPECT_THAT(ErrorOfDirectory(absl::StatusCode::kInvalidArgument),
              AllOf(HasSubstr(scratch_.In("pytorch_model.bin") + ": "), HasSubstr("safe_serialization=True")));
}

TEST_F(CheckpointTest, TruncatedFileIsRefused) {
  WriteCheckpoint(scratch_.path(), TinyConfig(), tensors_);
  const std::string path = scratch_.In("model.safetensors");
  std::filesystem::resize_file(path, std::filesystem::file_size(path) - 1);
  EXPECT_THAT(ErrorOfDirectory(absl::StatusCode::kInvalidArgument), HasSubstr("bytes of data: it is cut short"));
}

TEST_F(CheckpointTest, WhatIsThereInPlaceOfWeightsIsNamed) {
  const std::pair<const char*, const char*> cases[] = {
      {"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\n", "is a Git LFS pointer, not the file itself"},
      {"  <!doctype HTML>\n<html>", "is an HTML page, not the file itself"},
      {"{\"error\": \"Repository not found\"}", "the file begins with \"{\\\"error\\\": "}};
  for (const auto& [text, what] : cases) {
    WriteCheckpoint(scratch_.path(), TinyConfig(), tensors_);
    WriteFile(scratch_.In("model.safetensors"), text);
    EXPECT_THAT(ErrorOfDirectory(absl::StatusCode::kInvalidArgument), HasSubstr(what));
  }
}

TEST_F(CheckpointTest, EmptyWeightsAreRefused) {
  WriteCheckpoint(scratch_.path(), TinyConfig(), tensors_);
  WriteFile(scratch_.In("model.safetensors"), "");
  EXPECT_THAT(ErrorOfDirectory(absl::StatusCode::kInvalidArgument), HasSubstr("is 0 bytes long"));
}

TEST_F(CheckpointTest, PipeInPlaceOfWeightsIsRefusedWithoutWaiting) {
  WriteFile(scratch_.In("config.json"), TinyConfig().dump());
  ASSERT_EQ(mkfifo(scratch_.In("model.safetensors").c_str(), 0600), 0);
  EXPECT_THAT(ErrorOfDirectory(absl::StatusCode::kInvalidArgument), HasSubstr("not a regular file"));
}

TEST_F(CheckpointTest, DirectoryInPlaceOfConfigIsRefused) {
  std::filesystem::create_directory(scratch_.In("config.json"));
  checkpoint_fixture::WriteTensors(scratch_.In("model.safetensors"), tensors_);
  EXPECT_THAT(ErrorOfDirectory(absl::StatusCode::kInvalidArgument), HasSubstr("config.json: not a regular file"));
}

using CheckpointDeathTest = CheckpointTest;
TEST_F(CheckpointDeathTest, AskingForAnotherModelsTensorAborts) {
  WriteCheckpoint(scratch_.path(), TinyConfig(), tensors_);
  const auto opened = Checkpoint::Open(scratch_.path());
  ASSERT_TRUE(opened.ok()) << opened.status();
  EXPECT_DEATH((*opened)->tensor("lm_head.bias"), "lm_head.bias is not a tensor of this model");
}

TEST(Checkpoint, OfTheDemoModelHasItsTensors) {
  const auto opened = Checkpoint::Open(test_paths::InRepository("models/demo-sst2"));
  ASSERT_TRUE(opened.ok()) << opened.status();
  EXPECT_THAT((*opened)->tensors(), SizeIs(5 + 6 * 16 + 4));
  EXPECT_THAT((*opened)->tensor("roberta.embeddings.word_embeddings.weight").shape, ElementsAre(12288, 384));
  EXPECT_THAT((*opened)->unused_tensors(), IsEmpty());
}

class SharedCheckpoints : public ::testing::TestWithParam<std::pair<const char*, Dtype>> {};
TEST_P(SharedCheckpoints, Open) {
  ROBERTA_SHARED_OR_SKIP(directory, std::string("models/") + GetParam().first);
  const auto opened = Checkpoint::Open(directory);
  ASSERT_TRUE(opened.ok()) << opened.status();
  for (const TensorView& tensor : (*opened)->tensors()) EXPECT_EQ(tensor.dtype, GetParam().second) << tensor.name;
}
INSTANTIATE_TEST_SUITE_P(All, SharedCheckpoints,
                         ::testing::Values(std::pair{"demo-sst2", Dtype::kF16},
                                           std::pair{"odd-multilabel-bf16", Dtype::kBF16},
                                           std::pair{"regression-fp16", Dtype::kF16},
                                           std::pair{"tiny-3label", Dtype::kF32}));

}  // namespace
}  // namespace roberta::checkpoint
