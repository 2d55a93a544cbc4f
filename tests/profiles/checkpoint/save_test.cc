#include "profiles/checkpoint/save.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "profiles/checkpoint/checkpoint.h"
#include "tests/profiles/checkpoint/checkpoint_fixture.h"

namespace roberta::checkpoint {
namespace {

using checkpoint_fixture::ReadFile;
using checkpoint_fixture::ScratchDirectory;
using nlohmann::json;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

/// A tiny checkpoint to be written, with a vocabulary of one file and a sample.
struct Tiny {
  Tiny() {
    checkpoint_fixture::WriteFile(vocabulary.In("vocab.json"), "{}");
    checkpoint_fixture::WriteFile(vocabulary.In("sample.tsv"), "text\n");
  }
  NewCheckpoint Contents() const {
    return {.config = checkpoint_fixture::TinyConfig().dump(),
            .vocabulary_directory = vocabulary.path(),
            .copies_sample = true,
            .tensors = views};
  }
  const ScratchDirectory vocabulary;
  const std::vector<checkpoint_fixture::Tensor> tensors =
      checkpoint_fixture::MakeTensors(checkpoint_fixture::TinyConfig());
  const std::vector<TensorView> views = checkpoint_fixture::ViewsOf(tensors);
};

TEST(WriteNewCheckpoint, WritesWhatCanBeOpened) {
  const ScratchDirectory scratch;
  ASSERT_TRUE(WriteNewCheckpoint(scratch.In("a/new"), Tiny().Contents()).ok());
  EXPECT_TRUE(Checkpoint::Open(scratch.In("a/new")).ok());
  EXPECT_EQ(ReadFile(scratch.In("a/new/vocab.json")), "{}");
  EXPECT_EQ(ReadFile(scratch.In("a/new/sample.tsv")), "text\n");
}

TEST(WriteNewCheckpoint, TheSampleIsCopiedOnlyIfAskedFor) {
  const ScratchDirectory scratch;
  const Tiny tiny;
  NewCheckpoint contents = tiny.Contents();
  contents.copies_sample = false;
  ASSERT_TRUE(WriteNewCheckpoint(scratch.path(), contents).ok());
  EXPECT_THAT(scratch.Names(), ElementsAre("config.json", "model.safetensors", "vocab.json"));
}

TEST(WriteNewCheckpoint, WhatIsNotEmptyIsRefusedAndLeftAlone) {
  const ScratchDirectory scratch;
  checkpoint_fixture::WriteFile(scratch.In("precious"), "x");
  const absl::Status status = WriteNewCheckpoint(scratch.path(), Tiny().Contents());
  EXPECT_TRUE(absl::IsAlreadyExists(status));
  EXPECT_THAT(std::string(status.message()), HasSubstr(scratch.path() + ": is not empty"));
  EXPECT_THAT(scratch.Names(), ElementsAre("precious"));
}

TEST(WriteNewCheckpoint, AfterAnErrorNothingIsLeft) {
  const ScratchDirectory scratch;
  const Tiny tiny;
  NewCheckpoint contents = tiny.Contents();
  std::vector<TensorView> twice = tiny.views;
  twice.push_back(twice[0]);
  contents.tensors = twice;
  EXPECT_FALSE(WriteNewCheckpoint(scratch.In("new"), contents).ok());
  EXPECT_FALSE(WriteNewCheckpoint(scratch.path(), contents).ok());
  EXPECT_THAT(scratch.Names(), IsEmpty());
}

TEST(WriteNewCheckpoint, ADirectoryThatCannotBeMadeIsNamed) {
  const absl::Status status = WriteNewCheckpoint("/proc/nowhere/new", Tiny().Contents());
  EXPECT_THAT(std::string(status.message()), HasSubstr("/proc/nowhere/new: cannot create: "));
}

TEST(WithTorchDtype, KeepsAllOtherFieldsInTheirOrder) {
  EXPECT_EQ(WithTorchDtype(R"({"b": 1e-05, "torch_dtype": "float16", "a": [null]})", Dtype::kBF16),
            "{\n  \"b\": 1e-05,\n  \"torch_dtype\": \"bfloat16\",\n  \"a\": [\n    null\n  ]\n}\n");
}

TEST(WithTorchDtype, TakesWhatOnlyPythonTakesForJson) {
  EXPECT_EQ(WithTorchDtype(R"({"a": NaN, "b": "\ud800", "a": 2})", Dtype::kF32),
            "{\n  \"a\": 2,\n  \"b\": \"\uFFFD\",\n  \"torch_dtype\": \"float32\"\n}\n");
}

TEST(WithTorchDtype, SetsTheNewerFieldWhereItIsThere) {
  const json config = json::parse(WithTorchDtype(R"({"dtype": "float16"})", Dtype::kF32));
  EXPECT_EQ(config["dtype"], "float32");
  EXPECT_EQ(config["torch_dtype"], "float32");
}

}  // namespace
}  // namespace roberta::checkpoint
