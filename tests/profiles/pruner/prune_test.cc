#include "profiles/pruner/prune.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <limits>
#include <mutex>
#include <set>
#include <string>

#include "profiles/checkpoint/save.h"
#include "profiles/pruned/pruned.h"
#include "profiles/pruner/curvature.h"
#include "tests/profiles/loaded_model.h"
#include "tests/profiles/pruned/save_pruned.h"
#include "tests/profiles/pruner/tiny_model.h"

namespace roberta::pruner {
namespace {

using checkpoint::Checkpoint;
using ::testing::AllOf;
using ::testing::HasSubstr;
using tiny_model::TinyModel;
using Kind = Budget::Kind;

constexpr size_t kTexts = 160;
constexpr Method kAllMethods[] = {Method::kSecondOrder, Method::kFisher, Method::kMagnitude, Method::kRandom};

void Ignore(std::string_view /*step*/, size_t /*done*/, size_t /*total*/) {}

std::vector<float> Logits(const TinyModel& model, const quality::TokenizedSample& sample) {
  const auto profile = profiles_test::Packed("baseline")(*model.checkpoint).value();
  return quality::RunSample(*profile, sample, 2).value().logits;
}

/// A model of random weights that gives half of `sample` one label and half the other.
TinyModel Balanced(const quality::TokenizedSample& sample) {
  const std::vector<float> logits = Logits(TinyModel(2), sample);
  std::vector<float> leads;  // of label 1
  for (size_t i = 0; i < logits.size(); i += 2) leads.push_back(logits[i + 1] - logits[i]);
  std::sort(leads.begin(), leads.end());
  // Between two texts: at a text itself both labels would score the same, and rounding would choose.
  const float middle = (leads[leads.size() / 2 - 1] + leads[leads.size() / 2]) / 2;
  return TinyModel(tiny_model::Config(2), checkpoint::Dtype::kF32,
                   [&](const std::string& name, std::vector<float>* values) {
                     if (name == "classifier.out_proj.bias") (*values)[1] -= middle;
                   });
}

/// A model and texts whose labels are its own answers, so that it is always right.
class PruneTest : public testing::Test {
 protected:
  PruneTest() {
    const std::vector<float> logits = Logits(model_, tokenized_);
    for (size_t i = 0; i < kTexts; ++i) {
      const auto label = static_cast<int32_t>(quality::LabelOf(absl::MakeConstSpan(logits).subspan(2 * i, 2)));
      sample_.push_back({.text = "text " + std::to_string(i), .pair = std::nullopt, .label = label});
    }
  }

  absl::StatusOr<Pruned> Run(const PruneOptions& options, size_t threads = 1) const {
    return Prune(*model_.checkpoint, sample_, tokenized_, options, tiny_model::OnThreads(threads), Ignore);
  }
  std::string Refusal(const PruneOptions& options) const {
    const absl::Status status = Run(options).status();
    EXPECT_TRUE(absl::IsInvalidArgument(status)) << status;
    return std::string(status.message());
  }

  const quality::TokenizedSample tokenized_ = tiny_model::RandomTexts(kTexts, 21);
  const TinyModel model_ = Balanced(tokenized_);
  quality::Sample sample_;
};

void ExpectSame(const Pruned& a, const Pruned& b) {
  EXPECT_EQ(a.mask, b.mask);
  EXPECT_EQ(a.refitted, b.refitted);
  EXPECT_EQ(a.quality.mean_abs_dp, b.quality.mean_abs_dp);
  ASSERT_EQ(a.tensors.size(), b.tensors.size());
  for (size_t i = 0; i < a.tensors.size(); ++i) {
    EXPECT_EQ(a.tensors[i].name, b.tensors[i].name);
    EXPECT_EQ(a.tensors[i].values, b.tensors[i].values);
  }
}

TEST_F(PruneTest, TheSameSeedGivesTheSameOnAnyNumberOfThreads) {
  for (const Method method : kAllMethods) {
    const PruneOptions options = {.method = method, .budget = {Kind::kKeepMacs, 0.6}, .seed = 3};
    const Pruned one = Run(options, 1).value();
    ExpectSame(one, Run(options, 1).value());
    ExpectSame(one, Run(options, 3).value());
  }
}

TEST_F(PruneTest, AnotherSeedGivesAnother) {
  const auto tensors = [&](uint64_t seed) {
    const Pruned pruned = Run({.budget = {Kind::kKeepMacs, 0.6}, .seed = seed}).value();
    EXPECT_TRUE(pruned.refitted);
    return pruned.tensors.at(0).values;
  };
  EXPECT_NE(tensors(1), tensors(2));
}

TEST_F(PruneTest, EveryMethodKeepsItsBudget) {
  for (const Method method : kAllMethods) {
    for (const double keep : {0.4, 0.7}) {
      const Pruned pruned = Run({.method = method, .budget = {Kind::kKeepMacs, keep}}).value();
      EXPECT_LE(pruned.kept_macs, keep + 1e-12);
      EXPECT_GT(pruned.kept_macs, keep - 0.2);
      EXPECT_EQ(pruned.kept_macs, checkpoint::KeptMacs(pruned.mask, model_.config()));
    }
  }
}

TEST_F(PruneTest, AQuarterOfTheTextsIsHeldOut) {
  const Pruned pruned = Run({.budget = {Kind::kKeepMacs, 0.7}}).value();
  EXPECT_EQ(pruned.quality.examples, kTexts / 4);
  EXPECT_EQ(pruned.texts, 3 * kTexts / 4);
  EXPECT_EQ(pruned.quality.baseline_accuracy, 1);
}

TEST_F(PruneTest, ItLearnsFromAsManyTextsAsItMay) {
  const Pruned pruned = Run({.budget = {Kind::kKeepMacs, 0.7}, .most_texts = 50, .most_held_out = 20}).value();
  EXPECT_EQ(pruned.quality.examples, 20u);
  EXPECT_EQ(pruned.texts, 50u);
}

/// Of every layer no answer depends on head 1, nor on every third neuron.
void LeaveIdle(const std::string& name, std::vector<float>* values) {
  if (!name.ends_with("output.dense.weight")) return;
  const bool is_of_heads = name.ends_with("attention.output.dense.weight");
  const size_t in = values->size() / tiny_model::kHidden;
  for (size_t i = 0; i < values->size(); ++i) {
    const size_t column = i % in;
    if (is_of_heads ? column / tiny_model::kHeadSize == 1 : column % 3 == 0) (*values)[i] *= 1e-4f;
  }
}

TEST_F(PruneTest, WhatNoAnswerDependsOnGoesFirst) {
  const TinyModel idle(tiny_model::Config(2), checkpoint::Dtype::kF32, &LeaveIdle);
  checkpoint::PruningMask expected = tiny_model::AllKept();
  for (checkpoint::LayerMask& layer : expected) {
    layer.heads = {0, 2, 3};
    std::erase_if(layer.neurons, [](int32_t neuron) { return neuron % 3 == 0; });
  }
  const double keep = checkpoint::KeptMacs(expected, idle.config()) + 1e-9;
  for (const Method method : {Method::kSecondOrder, Method::kFisher}) {
    const PruneOptions options = {.method = method, .budget = {Kind::kKeepMacs, keep}, .refit = false};
    const Pruned pruned = Prune(*idle.checkpoint, sample_, tokenized_, options, quality::RunInTurn, Ignore).value();
    EXPECT_EQ(pruned.mask, expected);
    EXPECT_LT(pruned.quality.max_abs_dp, 1e-2);
  }
}

TEST_F(PruneTest, WithoutRefitNoTensorIsNew) {
  const Pruned pruned = Run({.budget = {Kind::kKeepMacs, 0.6}, .refit = false}).value();
  EXPECT_FALSE(pruned.refitted);
  EXPECT_TRUE(pruned.tensors.empty());
}

/// What is measured must be what is served.
TEST_F(PruneTest, TheQualityIsThatOfTheCheckpointThatIsSaved) {
  TinyModel half(tiny_model::Config(2), checkpoint::Dtype::kF16);
  const Pruned pruned =
      Prune(*half.checkpoint, sample_, tokenized_, {.budget = {Kind::kKeepMacs, 0.6}}, quality::RunInTurn, Ignore)
          .value();
  ASSERT_TRUE(pruned.refitted);
  const auto tensors = pruned::PrunedTensors(*half.checkpoint, pruned.mask, pruned.tensors).value();
  const checkpoint_fixture::ScratchDirectory scratch;
  ASSERT_TRUE(checkpoint::WriteNewCheckpoint(scratch.path(), {.config = tiny_model::Config(2).dump(),
                                                              .pruning = checkpoint::PruningJson(pruned.mask),
                                                              .vocabulary_directory = "",
                                                              .copies_sample = false,
                                                              .tensors = tensors.tensors})
                  .ok());
  const auto saved = Checkpoint::Open(scratch.path()).value();
  const auto served = profiles_test::Packed("pruned", {.keep_macs = 1})(*saved).value();
  const auto dense = profiles_test::Packed("baseline")(*half.checkpoint).value();
  const TextSplit split = SplitTexts(tokenized_.lengths, 2048, 2048, 0).value();
  quality::TokenizedSample held_out;
  quality::Sample examples;
  for (const size_t text : split.held_out) {
    size_t start = 0;
    for (size_t i = 0; i < text; ++i) start += tokenized_.lengths[i];
    const auto first = tokenized_.token_ids.begin() + static_cast<std::ptrdiff_t>(start);
    held_out.token_ids.insert(held_out.token_ids.end(), first,
                              first + static_cast<std::ptrdiff_t>(tokenized_.lengths[text]));
    held_out.lengths.push_back(tokenized_.lengths[text]);
    examples.push_back(sample_[text]);
  }
  const auto logits = [&](const encoder::Profile& profile) {
    return quality::RunSample(profile, held_out, 2).value().logits;
  };
  const quality::Quality quality = quality::CompareLogits(logits(*served), logits(*dense), examples, half.config());
  EXPECT_NEAR(quality.mean_abs_dp, pruned.quality.mean_abs_dp, 1e-5);
  EXPECT_NEAR(quality.max_abs_dp, pruned.quality.max_abs_dp, 1e-4);
  EXPECT_EQ(quality.accuracy, pruned.quality.accuracy);
}

TEST_F(PruneTest, TheDropStaysWithinItsLimit) {
  bool last_try_missed = false;
  for (double limit = 15; limit < 40; limit += 2.5) {
    const Pruned pruned = Run({.budget = {Kind::kMaxDrop, limit}}).value();
    EXPECT_LE(100 * (*pruned.quality.baseline_accuracy - *pruned.quality.accuracy), limit);
    EXPECT_LT(pruned.kept_macs, 1);
    double smallest = 1;
    for (const Try& one : pruned.tries) {
      if (one.found <= limit) smallest = std::min(smallest, one.kept_macs);
    }
    EXPECT_EQ(pruned.kept_macs, smallest);
    last_try_missed |= pruned.tries.back().found > limit;
  }
  EXPECT_TRUE(last_try_missed);  // else any try would do
}

TEST_F(PruneTest, ADropOutOfReachNamesTheLeastThatWasTried) {
  const absl::Status status = Run({.budget = {Kind::kMaxDrop, 0}}).status();
  EXPECT_TRUE(absl::IsFailedPrecondition(status)) << status;
  EXPECT_THAT(std::string(status.message()),
              testing::MatchesRegex("no pruning was found that costs at most 0 points: the least that was tried cost "
                                    "[0-9.]+"));
}

TEST_F(PruneTest, ADropOfAllPrunesNearlyAll) {
  const Pruned pruned = Run({.budget = {Kind::kMaxDrop, 100}}).value();
  EXPECT_LT(pruned.kept_macs, 0.1);
  for (const Try& one : pruned.tries) EXPECT_LE(one.found, 100);
}

TEST_F(PruneTest, ASpeedupIsReachedByAModelThatWasMeasured) {
  const Pruned pruned =
      Run({.method = Method::kMagnitude, .budget = {Kind::kTargetSpeedup, 1.01}, .refit = false}).value();
  EXPECT_LT(pruned.kept_macs, 1);
  EXPECT_TRUE(std::any_of(pruned.tries.begin(), pruned.tries.end(),
                          [&](const Try& one) { return one.kept_macs == pruned.kept_macs && one.found >= 1.01; }));
}

TEST_F(PruneTest, ASpeedupOutOfReachNamesWhatWasReached) {
  const absl::Status status = Run({.method = Method::kMagnitude, .budget = {Kind::kTargetSpeedup, 100'000}}).status();
  EXPECT_TRUE(absl::IsFailedPrecondition(status)) << status;
  EXPECT_THAT(
      std::string(status.message()),
      testing::MatchesRegex("no pruning makes this model 100000 times as fast on this host; [0-9.]+ is the most "
                            "that was reached"));
}

TEST_F(PruneTest, ABudgetOutOfItsRangeIsRefusedWithItsValue) {
  const double nan = std::numeric_limits<double>::quiet_NaN(), infinity = std::numeric_limits<double>::infinity();
  const struct {
    Budget budget;
    const char* message;
  } kCases[] = {
      {{Kind::kKeepMacs, 0}, "keep_macs is 0;"},
      {{Kind::kKeepMacs, nan}, "keep_macs is nan;"},
      {{Kind::kKeepMacs, 1.5}, "keep_macs is 1.5;"},
      {{Kind::kTargetSpeedup, 0.5}, "target speed-up is 0.5;"},
      {{Kind::kTargetSpeedup, nan}, "target speed-up is nan;"},
      {{Kind::kTargetSpeedup, infinity}, "target speed-up is inf;"},
      {{Kind::kMaxDrop, -1}, "most points to drop are -1;"},
      {{Kind::kMaxDrop, 101}, "most points to drop are 101;"},
      {{Kind::kMaxDrop, nan}, "most points to drop are nan;"},
  };
  for (const auto& one : kCases) EXPECT_THAT(Refusal({.budget = one.budget}), HasSubstr(one.message));
}

TEST_F(PruneTest, ANumberOfTextsThatTellsNothingIsRefusedWithItsValue) {
  EXPECT_THAT(Refusal({.most_texts = 15}), HasSubstr("most texts to learn from are 15;"));
  EXPECT_THAT(Refusal({.most_held_out = 0}), HasSubstr("most texts to hold out are 0;"));
}

TEST_F(PruneTest, WithoutLabelsThereIsNoDropToHold) {
  for (quality::Example& example : sample_) example.label.reset();
  EXPECT_THAT(Refusal({.budget = {Kind::kMaxDrop, 1}}), HasSubstr("without labels"));
}

TEST_F(PruneTest, WithoutLabelsThereIsAgreementStill) {
  for (quality::Example& example : sample_) example.label.reset();
  const Pruned pruned = Run({.budget = {Kind::kKeepMacs, 0.7}}).value();
  EXPECT_FALSE(pruned.quality.accuracy.has_value());
  EXPECT_GT(pruned.quality.agreement, 0.5);
}

TEST_F(PruneTest, WhatIsPrunedAlreadyIsRefusedByName) {
  const checkpoint_fixture::ScratchDirectory scratch;
  ASSERT_TRUE(pruned::SavePruned(*model_.checkpoint, tiny_model::AllKept(), scratch.In("narrow")).ok());
  const auto narrow = Checkpoint::Open(scratch.In("narrow")).value();
  const absl::Status status = Prune(*narrow, sample_, tokenized_, {}, quality::RunInTurn, Ignore).status();
  EXPECT_TRUE(absl::IsInvalidArgument(status));
  EXPECT_THAT(std::string(status.message()),
              AllOf(HasSubstr(narrow->directory()), HasSubstr("pruned checkpoint already")));
}

TEST_F(PruneTest, TooFewTextsAreRefusedWithTheirNumber) {
  const quality::TokenizedSample few = tiny_model::RandomTexts(9, 1);
  const quality::Sample examples(sample_.begin(), sample_.begin() + 9);
  const absl::Status status = Prune(*model_.checkpoint, examples, few, {}, quality::RunInTurn, Ignore).status();
  EXPECT_TRUE(absl::IsInvalidArgument(status));
  EXPECT_THAT(std::string(status.message()), HasSubstr("9 texts"));
}

TEST_F(PruneTest, EveryStepOfALongWorkIsTold) {
  std::set<std::string> steps;
  std::mutex mutex;
  ASSERT_TRUE(Prune(*model_.checkpoint, sample_, tokenized_, {}, tiny_model::OnThreads(2),
                    [&](std::string_view step, size_t done, size_t total) {
                      EXPECT_LE(done, total);
                      const std::lock_guard lock(mutex);
                      steps.emplace(step);
                    })
                  .ok());
  EXPECT_EQ(steps,
            (std::set<std::string>{"reading weights", "gradients", "order of removal", "least squares", "speed"}));
}

}  // namespace
}  // namespace roberta::pruner
