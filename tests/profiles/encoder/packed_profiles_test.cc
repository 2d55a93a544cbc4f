// What holds of every profile that runs on the packed encoder: one table, every fact for each.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cmath>
#include <filesystem>
#include <functional>
#include <limits>
#include <map>
#include <memory>
#include <ostream>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "profiles/checkpoint/save.h"
#include "profiles/encoder/calibration.h"
#include "profiles/kernels/aligned_buffer.h"
#include "profiles/kernels/linear.h"
#include "profiles/machine/cores.h"
#include "profiles/pruned/pruned.h"
#include "profiles/team/team.h"
#include "tests/profiles/counted_allocations.h"
#include "tests/profiles/loaded_model.h"
#include "tests/test_paths.h"

namespace roberta::encoder {
namespace {

using profiles_test::Allocations;
using profiles_test::LoadedModel;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr char kWordEmbeddings[] = "roberta.embeddings.word_embeddings.weight";

/// A copy of the demo model in which one value of some tensors is another.
class BrokenCheckpoint {
 public:
  struct Broken {
    std::string tensor;
    size_t element;
    float value;
  };
  explicit BrokenCheckpoint(const std::vector<Broken>& all_broken)
      : directory_(absl::StrCat(testing::TempDir(), "/broken_checkpoint_", getpid())) {
    const std::string demo = test_paths::InRepository("models/demo-sst2");
    std::filesystem::create_directories(directory_);
    for (const char* name : {"config.json", "vocab.json", "merges.txt"}) {
      std::filesystem::copy_file(demo + "/" + name, directory_ + "/" + name,
                                 std::filesystem::copy_options::overwrite_existing);
    }
    const auto checkpoint = checkpoint::Checkpoint::Open(demo).value();
    std::vector<checkpoint::TensorView> tensors(checkpoint->tensors().begin(), checkpoint->tensors().end());
    std::vector<std::vector<float>> kept;
    for (const auto& [name, element, value] : all_broken) {
      const auto broken = std::find_if(tensors.begin(), tensors.end(),
                                       [&, &tensor = name](const auto& one) { return one.name == tensor; });
      if (broken == tensors.end()) {
        ADD_FAILURE() << "no tensor " << name;
        return;
      }
      std::vector<float>& values = kept.emplace_back(static_cast<size_t>(broken->elements()));
      checkpoint::CopyToFloat32(*broken, absl::MakeSpan(values));
      values.at(element) = value;
      broken->dtype = checkpoint::Dtype::kF32;
      broken->data = {reinterpret_cast<const std::byte*>(values.data()), values.size() * sizeof(float)};
    }
    const absl::Status status = checkpoint::WriteSafetensors(directory_ + "/model.safetensors", tensors, {});
    EXPECT_TRUE(status.ok()) << status;
  }
  ~BrokenCheckpoint() { std::filesystem::remove_all(directory_); }
  const std::string& directory() const { return directory_; }

 private:
  const std::string directory_;
};

struct ProfileUnderTest {
  const char* name;
  profiles_test::Loader load;
  const char* precisions;  ///< regular expression of what it may say of itself
  bool bit_equal;          ///< alone and in a batch
};

void PrintTo(const ProfileUnderTest& profile, std::ostream* out) {
  *out << profile.name;
}

constexpr double kKeepMacs = 0.9;
constexpr float kInfinity = std::numeric_limits<float>::infinity(), kNan = std::numeric_limits<float>::quiet_NaN();

const ProfileUnderTest kProfiles[] = {
    {"baseline", profiles_test::Packed("baseline"), "fp32", false},
    {"quantized", profiles_test::Packed("quantized"), "int8", true},
    {"amp", profiles_test::Packed("amp"), "(bf16|fp32|bf16[+]fp32)", false},
    {"pruned", profiles_test::Packed("pruned", {.keep_macs = kKeepMacs}), "fp32", false},
    {"integrated", profiles_test::Packed("integrated", {.keep_macs = kKeepMacs}), "int8", true}};

class PackedProfile : public testing::TestWithParam<ProfileUnderTest> {
 protected:
  void SetUp() override {
    auto& model = models_[GetParam().name];
    if (model == nullptr) {
      model = std::make_unique<LoadedModel>(test_paths::InRepository("models/demo-sst2"), GetParam().load);
    }
    model_ = model.get();
  }
  static void TearDownTestSuite() { models_.clear(); }

  std::vector<std::vector<int32_t>> SomeSequences() const {
    std::vector<std::vector<int32_t>> sequences;
    std::string text;
    for (int i = 0; i < 40; ++i) {
      text += i % 3 == 0 ? " a film" : " and more";
      sequences.push_back(model_->Encode(text).ids);
    }
    return sequences;
  }

  const LoadedModel* model_ = nullptr;

 private:
  static std::map<std::string, std::unique_ptr<const LoadedModel>> models_;
};

std::map<std::string, std::unique_ptr<const LoadedModel>> PackedProfile::models_;

INSTANTIATE_TEST_SUITE_P(All, PackedProfile, testing::ValuesIn(kProfiles),
                         [](const auto& one) { return std::string(one.param.name); });

TEST_P(PackedProfile, TellsPraiseFromBlame) {
  const std::vector<float> logits = model_->Run({model_->Encode("a warm, funny and deeply moving film").ids,
                                                 model_->Encode("a dull, lifeless mess without one good idea").ids});
  EXPECT_GT(logits[1], logits[0]);  // label 1 is "positive"
  EXPECT_LT(logits[3], logits[2]);
}

TEST_P(PackedProfile, NeighborsDoNotChangeASequence) {
  const std::vector<std::vector<int32_t>> sequences = SomeSequences();  // several pieces
  const std::vector<float> together = model_->Run(sequences);
  for (size_t s = 0; s < sequences.size(); ++s) {
    const std::vector<float> alone = model_->Run({sequences[s]});
    for (size_t i = 0; i < alone.size(); ++i) {
      const float in_a_batch = together[s * alone.size() + i];
      if (GetParam().bit_equal) {
        EXPECT_EQ(in_a_batch, alone[i]) << s;
      } else {
        EXPECT_NEAR(in_a_batch, alone[i], 1e-4) << s;
      }
    }
  }
}

/// Has the pieces computed one by one, the last one first: no thread could share them more finely.
class OneByOne final : public team::Team {
 public:
  void Share(size_t pieces, Work work) override {
    for (size_t piece = pieces; piece-- > 0;) work(piece, piece + 1);
    most_pieces = std::max(most_pieces, pieces);
  }
  size_t most_pieces = 0;
};

TEST_P(PackedProfile, SharedInWhateverPiecesGivesTheSameToTheBit) {
  OneByOne team;
  const std::vector<std::vector<int32_t>> sequences = SomeSequences();
  EXPECT_EQ(model_->Run(sequences, 0, &team), model_->Run(sequences));
  EXPECT_EQ(model_->Run({sequences[7]}, 0, &team), model_->Run({sequences[7]}));
  EXPECT_EQ(model_->Run(sequences, 100, &team), model_->Run(sequences, 100));
  EXPECT_GT(team.most_pieces, 8u);
}

/// Threads that help with whatever is shared, and one that lets them go all the time, if that is wanted.
class Helpers {
 public:
  Helpers(size_t count, bool come_and_go) {
    for (size_t i = 0; i < count; ++i) {
      threads_.emplace_back([this] {
        while (!over_) work.Help(work.call());
        ++left_;
      });
    }
    threads_.emplace_back([this, come_and_go, count] {
      while (come_and_go && !over_) {
        work.Dismiss();
        std::this_thread::yield();
      }
      while (!over_) std::this_thread::yield();
      for (bool all_left = false; !all_left; all_left = left_ == count) work.Dismiss();
    });
  }
  ~Helpers() {
    over_ = true;
    for (std::thread& thread : threads_) thread.join();
  }
  team::SharedWork work;

 private:
  std::atomic<bool> over_{false};
  std::atomic<size_t> left_{0};
  std::vector<std::thread> threads_;
};

TEST_P(PackedProfile, HelpersChangeNothingWhetherTheyStayOrComeAndGo) {
  const std::vector<std::vector<int32_t>> sequences = SomeSequences();
  const std::vector<float> expected = model_->Run(sequences), alone = model_->Run({sequences[20]});
  for (const bool come_and_go : {false, true}) {
    Helpers helpers(3, come_and_go);
    for (int run = 0; run < 3; ++run) {
      EXPECT_EQ(model_->Run(sequences, 0, &helpers.work), expected);
      EXPECT_EQ(model_->Run({sequences[20]}, 0, &helpers.work), alone);
    }
  }
}

TEST_P(PackedProfile, PadsDoNotChangeASequence) {
  std::vector<std::vector<int32_t>> sequences = SomeSequences();
  sequences.push_back({0, 10, model_->checkpoint->config().pad_token_id, 11, 2});  // <pad> written out in a text
  size_t longest = 0;
  for (const auto& sequence : sequences) longest = std::max(longest, sequence.size());
  for (const size_t padded_length : {longest, longest + 5, size_t{512}}) {
    if (padded_length == 512) sequences.erase(sequences.begin() + 2, sequences.end() - 1);  // many would take long
    const std::vector<float> packed = model_->Run(sequences);
    const std::vector<float> padded = model_->Run(sequences, padded_length);
    for (size_t i = 0; i < packed.size(); ++i) {
      if (GetParam().bit_equal) {
        EXPECT_EQ(padded[i], packed[i]) << i << ", padded to " << padded_length;
      } else {
        EXPECT_NEAR(padded[i], packed[i], 1e-4) << i << ", padded to " << padded_length;
      }
    }
  }
}

TEST_P(PackedProfile, PadsCostWhatTokensCost) {
  const auto& profile = dynamic_cast<const TimedProfile&>(*model_->profile);
  const std::vector<int32_t> ids(12, 10), cu_seqlens = {0, 3, 12}, whole(18, 10), whole_cu_seqlens = {0, 9, 18};
  std::vector<float> logits(2 * model_->labels());
  PartTimes padded, as_long;
  ASSERT_TRUE(profile.RunTimed({ids, cu_seqlens, 9}, absl::MakeSpan(logits), &padded).ok());
  ASSERT_TRUE(profile.RunTimed({whole, whole_cu_seqlens}, absl::MakeSpan(logits), &as_long).ok());
  EXPECT_EQ(padded.product_macs, as_long.product_macs);
}

TEST_P(PackedProfile, RunsTheLongestSequenceAmongShortOnes) {
  std::vector<std::vector<int32_t>> sequences(5, model_->Encode("good").ids);
  sequences[2].assign(static_cast<size_t>(model_->checkpoint->config().max_tokens()), 10);
  const std::vector<float> logits = model_->Run(sequences);
  for (const float logit : logits) EXPECT_TRUE(std::isfinite(logit));
  EXPECT_NEAR(logits[0], logits[8], 1e-4);
}

/// What oneDNN itself allocates for one product.
int64_t AllocationsOfAProduct() {
  const auto shape =
      kernels::LinearShape::Make(32, 32, 16, kernels::Precision::kFloat32, kernels::Backend::kOneDnn).value();
  const std::vector<float> weights(32 * 32, 1);
  const kernels::PackedWeight packed = shape->Pack(weights).value();
  kernels::LinearRunner runner(shape);
  kernels::AlignedBuffer<float> rows(16 * 32), out(16 * 32);
  kernels::AlignedBuffer<unsigned char> scratch(shape->scratch_bytes());
  EXPECT_TRUE(runner.Run(packed, rows.data(), 16, out.data(), scratch.data()));
  const int64_t before = Allocations();
  EXPECT_TRUE(runner.Run(packed, rows.data(), 16, out.data(), scratch.data()));
  return Allocations() - before;
}

/// Runs a batch of a single piece twice: the second time it makes no primitive, and allocates only what oneDNN does.
void ExpectNothingIsAllocatedOnceWarm(const LoadedModel& model, const PackedBatch& batch, team::Team* team = nullptr) {
  std::vector<float> logits(batch.sequences() * 2);
  ASSERT_TRUE(model.profile->RunShared(batch, absl::MakeSpan(logits), team).ok());
  const int64_t of_a_product = AllocationsOfAProduct();
  const int64_t allocated = Allocations(), primitives = kernels::PrimitivesCreated();
  const absl::Status status = model.profile->RunShared(batch, absl::MakeSpan(logits), team);
  const int64_t allocated_by_run = Allocations() - allocated;
  EXPECT_TRUE(status.ok());
  const auto sequences = static_cast<int64_t>(batch.sequences());
  const int64_t of_the_head = (sequences + 15) / 16;
  const int64_t of_the_encoder = 4 * (model.checkpoint->config().num_hidden_layers - 1) + 5;
  const std::string kernels = absl::StrJoin(model.profile->description().kernels, ", ");
  const int64_t by_onednn = of_the_head + (kernels.find("oneDNN") != std::string::npos ? of_the_encoder : 0);
  EXPECT_LE(allocated_by_run, by_onednn * of_a_product) << kernels;
  EXPECT_EQ(kernels::PrimitivesCreated(), primitives);
}

TEST_P(PackedProfile, AllocatesNothingOfItsOwnAndMakesNoPrimitiveOnceWarm) {
  if (Allocations() < 0) GTEST_SKIP() << "not measured: a sanitizer counts for itself";
  std::vector<int32_t> ids, cu_seqlens = {0};
  for (const auto& sequence : SomeSequences()) {
    if (ids.size() + sequence.size() > 512) break;  // a single piece
    ids.insert(ids.end(), sequence.begin(), sequence.end());
    cu_seqlens.push_back(static_cast<int32_t>(ids.size()));
  }
  ExpectNothingIsAllocatedOnceWarm(*model_, {ids, cu_seqlens});
}

TEST_P(PackedProfile, AllocatesNothingForPadsOnceWarm) {
  if (Allocations() < 0) GTEST_SKIP() << "not measured: a sanitizer counts for itself";
  const std::vector<int32_t> ids(40, 10), cu_seqlens = {0, 3, 30, 40};
  ExpectNothingIsAllocatedOnceWarm(*model_, {ids, cu_seqlens, 170});  // 510 rows
}

/// A team of two that has every second piece computed by the other thread, so that it is warm after one run.
class TakingTurns final : public team::Team {
 public:
  ~TakingTurns() override { Give(kEnd); }
  void Share(size_t pieces, Work work) override {
    for (size_t piece = 0; piece < pieces; ++piece) {
      if (piece % 2 == 0) {
        work(piece, piece + 1);
      } else {
        work_ = &work;
        Give(piece);
      }
    }
  }

 private:
  static constexpr size_t kNone = ~size_t{0}, kEnd = kNone - 1;
  void Give(size_t piece) {
    given_ = piece;
    while (given_ != kNone) std::this_thread::yield();
  }
  void Compute() {
    for (size_t piece = given_; piece != kEnd; piece = given_) {
      if (piece == kNone) {
        std::this_thread::yield();
        continue;
      }
      (*work_)(piece, piece + 1);
      given_ = kNone;
    }
    given_ = kNone;
  }
  const Work* work_ = nullptr;
  std::atomic<size_t> given_{kNone};
  std::jthread other_{[this] { Compute(); }};
};

TEST_P(PackedProfile, AllocatesNothingOfItsOwnWithHelpersOnceWarm) {
  if (Allocations() < 0) GTEST_SKIP() << "not measured: a sanitizer counts for itself";
  const std::vector<int32_t> ids(40, 10), cu_seqlens = {0, 30, 40};
  TakingTurns team;
  ExpectNothingIsAllocatedOnceWarm(*model_, {ids, cu_seqlens}, &team);
}

TEST_P(PackedProfile, ThreadsMayRunAtTheSameTime) {
  const std::vector<std::vector<int32_t>> sequences = SomeSequences();
  const std::vector<float> expected = model_->Run(sequences);
  std::vector<std::thread> threads;
  std::vector<std::vector<float>> results(4);
  for (auto& result : results) {
    threads.emplace_back([&] {
      for (int i = 0; i < 3; ++i) result = model_->Run(sequences);
    });
  }
  for (std::thread& thread : threads) thread.join();
  for (const auto& result : results) EXPECT_EQ(result, expected);
}

TEST_P(PackedProfile, SaysWhatItComputesWith) {
  const ProfileDescription& description = model_->profile->description();
  EXPECT_THAT(description.precision, ::testing::MatchesRegex(GetParam().precisions));
  ASSERT_GE(description.kernels.size(), 2u);
  EXPECT_THAT(description.kernels[0], ::testing::AnyOf(HasSubstr("oneDNN"), HasSubstr("tiles")));
  EXPECT_THAT(description.kernels[0], Not(HasSubstr("ref")));
  EXPECT_GT(description.weight_bytes, 10 << 20);
  std::printf("%s: %s, %s\n", GetParam().name, description.precision.c_str(),
              absl::StrJoin(description.kernels, ", ").c_str());
}

TEST_P(PackedProfile, AnEmbeddingThatIsNotANumberShowsInItsSequenceAlone) {
  const auto hidden = static_cast<size_t>(model_->checkpoint->config().hidden_size);
  constexpr int32_t kBrokenToken = 300;
  const BrokenCheckpoint broken({{kWordEmbeddings, kBrokenToken * hidden + 7, kInfinity}});
  const LoadedModel model(broken.directory(), GetParam().load);
  const std::vector<float> logits = model.Run({{0, 10, 2}, {0, kBrokenToken, 2}, {0, 11, 2}});
  for (size_t i = 0; i < logits.size(); ++i) EXPECT_EQ(std::isfinite(logits[i]), i / 2 != 1) << i;
}

TEST_P(PackedProfile, RefusesAWeightThatIsNotANumberByName) {
  const std::string layer = "roberta.encoder.layer.1.";
  const struct {
    std::string tensor;
    float value;
    const char* text;
  } kBroken[] = {{layer + "attention.self.query.weight", kNan, "nan"},
                 {layer + "attention.self.value.bias", kInfinity, "inf"},
                 {layer + "attention.output.dense.weight", -kInfinity, "-inf"},
                 {layer + "attention.output.LayerNorm.weight", kNan, "nan"},
                 {layer + "intermediate.dense.weight", kNan, "nan"},
                 {layer + "output.dense.weight", kInfinity, "inf"},
                 {layer + "output.LayerNorm.bias", -kInfinity, "-inf"},
                 {"roberta.embeddings.LayerNorm.weight", kNan, "nan"},
                 {"classifier.dense.weight", kInfinity, "inf"},
                 {"classifier.out_proj.bias", kNan, "nan"}};
  for (const auto& [tensor, value, text] : kBroken) {
    // The last one belongs to the last head or neuron, which pruning would cut away.
    const auto last = static_cast<size_t>(model_->checkpoint->tensor(tensor).elements()) - 1;
    const BrokenCheckpoint broken({{tensor, last, value}});
    const auto checkpoint = checkpoint::Checkpoint::Open(broken.directory()).value();
    const absl::Status status = GetParam().load(*checkpoint).status();
    EXPECT_TRUE(absl::IsInvalidArgument(status)) << tensor << ": " << status;
    EXPECT_EQ(std::string(status.message()),
              absl::StrCat(broken.directory(), ": tensor \"", tensor, "\" holds ", text, " at element ", last));
  }
}

/// Four threads, and one that begins at the end.
const team::RunAll kWaysToPack[] = {
    [](size_t count, const std::function<void(size_t)>& task) { machine::RunOnThreads(4, count, task); },
    [](size_t count, const std::function<void(size_t)>& task) {
      for (size_t i = count; i-- > 0;) task(i);
    }};

TEST_P(PackedProfile, WhateverThreadsPackTheWeightsAreTheSameToTheBit) {
  const std::string demo = test_paths::InRepository("models/demo-sst2");
  const auto stored = ReadCalibration(*checkpoint::Checkpoint::Open(demo).value()).value();
  registry::RecipeSettings settings = {.keep_macs = kKeepMacs};
  if (std::string(GetParam().name) == "quantized") settings.smoothing = &stored.value().smoothing;
  const LoadedModel in_turn(demo, profiles_test::Packed(GetParam().name, settings));
  for (const team::RunAll& pack_all : kWaysToPack) {
    settings.pack_all = pack_all;
    const LoadedModel model(demo, profiles_test::Packed(GetParam().name, settings));
    EXPECT_EQ(model.profile->description().weight_bytes, in_turn.profile->description().weight_bytes);
    EXPECT_EQ(model.Run(SomeSequences()), in_turn.Run(SomeSequences()));
  }
}

TEST_P(PackedProfile, WhateverThreadsPackTheFirstBrokenWeightIsNamed) {
  const std::string layer = "roberta.encoder.layer.";
  const BrokenCheckpoint broken({{layer + "2.attention.self.key.bias", 7, kNan},
                                 {layer + "1.output.dense.weight", 7777, kInfinity},
                                 {layer + "1.output.LayerNorm.bias", 0, kNan},
                                 {"classifier.dense.bias", 1, kNan}});
  const auto checkpoint = checkpoint::Checkpoint::Open(broken.directory()).value();
  const std::string expected =
      absl::StrCat(broken.directory(), ": tensor \"", layer, "1.output.dense.weight\" holds inf at element 7777");
  registry::RecipeSettings settings = {.keep_macs = kKeepMacs};
  EXPECT_EQ(profiles_test::Packed(GetParam().name, settings)(*checkpoint).status().message(), expected);
  for (const team::RunAll& pack_all : kWaysToPack) {
    settings.pack_all = pack_all;
    const absl::Status status = profiles_test::Packed(GetParam().name, settings)(*checkpoint).status();
    EXPECT_TRUE(absl::IsInvalidArgument(status)) << status;
    EXPECT_EQ(status.message(), expected);
  }
}

TEST_P(PackedProfile, RefusesAMalformedBatch) {
  std::vector<float> logits(2);
  EXPECT_TRUE(absl::IsInvalidArgument(model_->profile->Run({{0, 2}, {0, 3}}, absl::MakeSpan(logits))));
  EXPECT_TRUE(absl::IsInvalidArgument(model_->profile->Run({{0, 1 << 30}, {0, 2}}, absl::MakeSpan(logits))));
}

TEST_P(PackedProfile, RefusesLogitsOfTheWrongSize) {
  std::vector<float> logits(3);
  EXPECT_THAT(std::string(model_->profile->Run({{0, 2}, {0, 2}}, absl::MakeSpan(logits)).message()),
              HasSubstr("room for 3 logits, but the batch needs 2"));
}

}  // namespace
}  // namespace roberta::encoder
