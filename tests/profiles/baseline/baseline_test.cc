#include "profiles/baseline/baseline.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <thread>
#include <vector>

#include "profiles/kernels/aligned_buffer.h"
#include "profiles/kernels/linear.h"
#include "tests/profiles/counted_allocations.h"
#include "tests/profiles/loaded_model.h"
#include "tests/test_paths.h"

namespace roberta::baseline {
namespace {

using profiles_test::Allocations;
using profiles_test::LoadedModel;
using ::testing::HasSubstr;
using ::testing::Not;

class BaselineTest : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    model_ = new LoadedModel(test_paths::InRepository("models/demo-sst2"), &LoadBaseline);
  }
  static void TearDownTestSuite() { delete std::exchange(model_, nullptr); }

  static std::vector<std::vector<int32_t>> SomeSequences() {
    std::vector<std::vector<int32_t>> sequences;
    std::string text;
    for (int i = 0; i < 40; ++i) {
      text += i % 3 == 0 ? " a film" : " and more";
      sequences.push_back(model_->Encode(text).ids);
    }
    return sequences;
  }

  static LoadedModel* model_;
};

LoadedModel* BaselineTest::model_ = nullptr;

TEST_F(BaselineTest, TellsPraiseFromBlame) {
  const std::vector<float> logits = model_->Run({model_->Encode("a warm, funny and deeply moving film").ids,
                                                 model_->Encode("a dull, lifeless mess without one good idea").ids});
  EXPECT_GT(logits[1], logits[0]);  // label 1 is "positive"
  EXPECT_LT(logits[3], logits[2]);
}

TEST_F(BaselineTest, NeighboursDoNotChangeASequence) {
  const std::vector<std::vector<int32_t>> sequences = SomeSequences();  // several pieces
  const std::vector<float> together = model_->Run(sequences);
  for (size_t s = 0; s < sequences.size(); ++s) {
    const std::vector<float> alone = model_->Run({sequences[s]});
    for (size_t i = 0; i < alone.size(); ++i) EXPECT_NEAR(together[s * alone.size() + i], alone[i], 1e-4) << s;
  }
}

TEST_F(BaselineTest, RunsTheLongestSequenceAmongShortOnes) {
  std::vector<std::vector<int32_t>> sequences(5, model_->Encode("good").ids);
  sequences[2].assign(static_cast<size_t>(model_->checkpoint->config().max_tokens()), 10);
  const std::vector<float> logits = model_->Run(sequences);
  for (const float logit : logits) EXPECT_TRUE(std::isfinite(logit));
  EXPECT_NEAR(logits[0], logits[8], 1e-4);
}

/// What oneDNN itself allocates for one product.
int64_t AllocationsOfAProduct() {
  const auto shape = kernels::LinearShape::Make(32, 32, 16).value();
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

TEST_F(BaselineTest, AllocatesNothingOfItsOwnAndMakesNoPrimitiveOnceWarm) {
  if (Allocations() < 0) GTEST_SKIP() << "not measured: a sanitizer counts for itself";
  std::vector<int32_t> ids, cu_seqlens = {0};
  for (const auto& sequence : SomeSequences()) {
    if (ids.size() + sequence.size() > 512) break;  // a single piece
    ids.insert(ids.end(), sequence.begin(), sequence.end());
    cu_seqlens.push_back(static_cast<int32_t>(ids.size()));
  }
  std::vector<float> logits((cu_seqlens.size() - 1) * 2);
  ASSERT_TRUE(model_->profile->Run({ids, cu_seqlens}, absl::MakeSpan(logits)).ok());
  const int64_t of_a_product = AllocationsOfAProduct();
  const int64_t allocated = Allocations(), primitives = kernels::PrimitivesCreated();
  const absl::Status status = model_->profile->Run({ids, cu_seqlens}, absl::MakeSpan(logits));
  const int64_t allocated_by_run = Allocations() - allocated;
  EXPECT_TRUE(status.ok());
  const auto sequences = static_cast<int64_t>(cu_seqlens.size()) - 1;
  const int64_t products = 4 * (model_->checkpoint->config().num_hidden_layers - 1) + 5 + (sequences + 15) / 16;
  EXPECT_EQ(allocated_by_run, products * of_a_product);
  EXPECT_EQ(kernels::PrimitivesCreated(), primitives);
}

TEST_F(BaselineTest, ThreadsMayRunAtTheSameTime) {
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

TEST_F(BaselineTest, SaysWhatItComputesWith) {
  const encoder::ProfileDescription& description = model_->profile->description();
  EXPECT_EQ(description.precision, "fp32");
  ASSERT_EQ(description.kernels.size(), 2u);
  EXPECT_THAT(description.kernels[0], HasSubstr("oneDNN"));
  EXPECT_THAT(description.kernels[0], Not(HasSubstr("ref")));
  EXPECT_GT(description.weight_bytes, 10 << 20);
}

TEST_F(BaselineTest, RefusesAMalformedBatch) {
  std::vector<float> logits(2);
  EXPECT_TRUE(absl::IsInvalidArgument(model_->profile->Run({{0, 2}, {0, 3}}, absl::MakeSpan(logits))));
  EXPECT_TRUE(absl::IsInvalidArgument(model_->profile->Run({{0, 1 << 30}, {0, 2}}, absl::MakeSpan(logits))));
}

TEST_F(BaselineTest, RefusesLogitsOfTheWrongSize) {
  std::vector<float> logits(3);
  EXPECT_THAT(std::string(model_->profile->Run({{0, 2}, {0, 2}}, absl::MakeSpan(logits)).message()),
              HasSubstr("room for 3 logits, but the batch needs 2"));
}

}  // namespace
}  // namespace roberta::baseline
