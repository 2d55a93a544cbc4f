#include "profiles/encoder/calibration.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <limits>
#include <map>

#include "profiles/checkpoint/safetensors.h"
#include "profiles/checkpoint/save.h"
#include "tests/profiles/checkpoint/checkpoint_fixture.h"

namespace roberta::encoder {
namespace {

using checkpoint::Checkpoint;
using checkpoint_fixture::ScratchDirectory;
using checkpoint_fixture::Tensor;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using Fields = std::map<std::string, std::string>;

constexpr char kRevision[] = "0123456789abcdef";

/// The parts of a sound file for the tiny model: a layer of hidden size 4, with 6 neurons.
struct Parts {
  std::vector<Tensor> tensors = {Ranges("layer.0.query_key_value", 4), Ranges("layer.0.attention_output", 4),
                                 Ranges("layer.0.intermediate", 4), Ranges("layer.0.output", 6)};
  Fields metadata = {{"format", "roberta-serve calibration"}, {"version", "1"}, {"revision", kRevision}, {"texts", "7"},
                     {"texts_hash", "00000000000000aa"},      {"alpha", "0.25"}};

  static Tensor Ranges(const std::string& name, int64_t width) {
    return checkpoint_fixture::MakeTensor(name, {width}, checkpoint::Dtype::kF32, 1);
  }
};

checkpoint::ModelConfig Tiny() {
  return checkpoint::ParseModelConfig(checkpoint_fixture::TinyConfig().dump(), "config.json").value();
}

absl::StatusOr<Calibration> Parse(const Parts& parts, const checkpoint::PruningMask& mask = {}) {
  const ScratchDirectory scratch;
  const std::string path = scratch.In("file");
  EXPECT_TRUE(checkpoint::WriteSafetensors(path, checkpoint_fixture::ViewsOf(parts.tensors), parts.metadata).ok());
  return ParseCalibration(checkpoint_fixture::AsBytes(checkpoint_fixture::ReadFile(path)), Tiny(), mask, kRevision);
}

/// The error for the sound parts after `change`.
absl::Status ErrorAfter(const std::function<void(Parts&)>& change) {
  Parts parts;
  change(parts);
  return Parse(parts).status();
}

void Set(Tensor& tensor, size_t element, float value) {
  tensor.bytes.replace(element * sizeof value, sizeof value, reinterpret_cast<const char*>(&value), sizeof value);
}

TEST(Calibration, ReadsWhatItWrites) {
  const ScratchDirectory scratch;
  checkpoint_fixture::WriteCheckpoint(scratch.path(), checkpoint_fixture::TinyConfig(),
                                      checkpoint_fixture::MakeTensors(checkpoint_fixture::TinyConfig()));
  const auto checkpoint = Checkpoint::Open(scratch.path()).value();
  const Calibration written = {
      .smoothing = {.inputs = {{{1, 2, 3, 4}, {0, 0.5f, 0, 0}, {9, 8, 7, 6}, {1, 2, 3, 4, 5, 6}}}, .alpha = 0.1f},
      .revision = checkpoint->revision(),
      .texts_hash = "00000000000000aa",
      .texts = 7};
  ASSERT_TRUE(WriteCalibration(scratch.path(), written).ok());
  const auto read = ReadCalibration(*checkpoint);
  ASSERT_TRUE(read.ok()) << read.status();
  ASSERT_TRUE(read->has_value());
  EXPECT_EQ((*read)->smoothing.alpha, 0.1f);
  EXPECT_THAT((*read)->smoothing.inputs[0].output, ElementsAre(1, 2, 3, 4, 5, 6));
  EXPECT_EQ(HashOf((*read)->smoothing), HashOf(written.smoothing));
  EXPECT_EQ((*read)->texts, 7);
  EXPECT_EQ((*read)->texts_hash, "00000000000000aa");
}

TEST(Calibration, WithoutAFileThereIsNone) {
  const ScratchDirectory scratch;
  checkpoint_fixture::WriteCheckpoint(scratch.path(), checkpoint_fixture::TinyConfig(),
                                      checkpoint_fixture::MakeTensors(checkpoint_fixture::TinyConfig()));
  const auto read = ReadCalibration(*Checkpoint::Open(scratch.path()).value());
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_FALSE(read->has_value());
}

TEST(Calibration, ErrorsNameTheFile) {
  const ScratchDirectory scratch;
  checkpoint_fixture::WriteCheckpoint(scratch.path(), checkpoint_fixture::TinyConfig(),
                                      checkpoint_fixture::MakeTensors(checkpoint_fixture::TinyConfig()));
  checkpoint_fixture::WriteFile(scratch.In("calibration.safetensors"), "not one");
  const absl::Status status = ReadCalibration(*Checkpoint::Open(scratch.path()).value()).status();
  EXPECT_TRUE(absl::IsInvalidArgument(status));
  EXPECT_THAT(std::string(status.message()), HasSubstr(scratch.In("calibration.safetensors") + ": is 7 bytes long"));
}

TEST(Calibration, OfAnotherRevisionSaysToCalibrateAgain) {
  const absl::Status status = ErrorAfter([](Parts& parts) {
    parts.metadata["revision"] = "fedcba9876543210";
    parts.tensors.pop_back();  // another model may have other tensors, too
  });
  EXPECT_TRUE(absl::IsFailedPrecondition(status));
  EXPECT_THAT(std::string(status.message()),
              HasSubstr("measured on revision fedcba9876543210 of the checkpoint, which is now 0123456789abcdef; run "
                        "roberta-model calibrate again"));
}

TEST(Calibration, OfAPrunedCheckpointHasItsWidths) {
  const checkpoint::PruningMask mask = {{{}, {0, 3}}};
  Parts parts;
  parts.tensors = {Parts::Ranges("layer.0.query_key_value", 0), Parts::Ranges("layer.0.attention_output", 0),
                   Parts::Ranges("layer.0.intermediate", 4), Parts::Ranges("layer.0.output", 2)};
  const auto read = Parse(parts, mask);
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_EQ(read->smoothing.inputs[0].output.size(), 2u);
  EXPECT_FALSE(Parse(Parts(), mask).ok());
}

TEST(Calibration, WhatIsWrongIsNamedWithItsValue) {
  const struct {
    std::function<void(Parts&)> change;
    std::string error;
  } kCases[] = {
      {[](Parts& p) { p.metadata.erase("format"); }, "metadata \"format\" is missing"},
      {[](Parts& p) { p.metadata["format"] = "pt"; }, "metadata \"format\" is \"pt\"; it must be"},
      {[](Parts& p) { p.metadata["version"] = "2"; }, "metadata \"version\" is \"2\"; it must be 1"},
      {[](Parts& p) { p.metadata["revision"] = "x"; }, "metadata \"revision\" is \"x\""},
      {[](Parts& p) { p.metadata["texts_hash"] = "AA00000000000000"; }, "metadata \"texts_hash\" is"},
      {[](Parts& p) { p.metadata["texts"] = "0"; }, "metadata \"texts\" is \"0\"; it must be a number above 0"},
      {[](Parts& p) { p.metadata["alpha"] = "1.5"; }, "metadata \"alpha\" is \"1.5\"; it must be a number from 0 to 1"},
      {[](Parts& p) { p.metadata["alpha"] = "nan"; }, "metadata \"alpha\" is \"nan\""},
      {[](Parts& p) { p.tensors.pop_back(); }, "tensor \"layer.0.output\" is missing"},
      {[](Parts& p) { p.tensors.push_back(Parts::Ranges("layer.1.output", 6)); },
       "tensor \"layer.1.output\" is not one of the checkpoint's layers"},
      {[](Parts& p) { p.tensors[3] = Parts::Ranges("layer.0.output", 5); },
       "tensor \"layer.0.output\" has shape [5]; the checkpoint makes it [6]"},
      {[](Parts& p) {
         p.tensors[0] = checkpoint_fixture::MakeTensor("layer.0.query_key_value", {4}, checkpoint::Dtype::kF16, 1);
       },
       "tensor \"layer.0.query_key_value\" has dtype F16, not F32"},
      {[](Parts& p) { Set(p.tensors[1], 2, -1); }, "tensor \"layer.0.attention_output\" holds -1 at element 2"},
      {[](Parts& p) { Set(p.tensors[1], 0, std::numeric_limits<float>::infinity()); }, "holds inf at element 0"},
      {[](Parts& p) { Set(p.tensors[1], 3, std::numeric_limits<float>::quiet_NaN()); }, "holds nan at element 3"},
  };
  for (const auto& one : kCases) {
    const absl::Status status = ErrorAfter(one.change);
    EXPECT_TRUE(absl::IsInvalidArgument(status)) << one.error;
    EXPECT_THAT(std::string(status.message()), HasSubstr(one.error));
  }
}

TEST(Calibration, TheHashChangesWithTheStrengthAndWithEachRange) {
  const Smoothing one = {.inputs = {{{1}, {2}, {3}, {4}}}, .alpha = 0.5f};
  Smoothing stronger = one, wider = one;
  stronger.alpha = 0.75f;
  wider.inputs[0].intermediate[0] = 3.5f;
  EXPECT_NE(HashOf(stronger), HashOf(one));
  EXPECT_NE(HashOf(wider), HashOf(one));
}

}  // namespace
}  // namespace roberta::encoder
