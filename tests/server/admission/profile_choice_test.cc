#include "server/admission/profile_choice.h"

#include <gtest/gtest.h>

#include <string>

namespace roberta::admission {
namespace {

using namespace std::chrono_literals;
using Reason = Choice::Reason;

constexpr size_t kBaseline = 0, kQuantized = 1, kPruned = 2;

Candidate Of(size_t profile, std::optional<double> accuracy, std::optional<double> agreement,
             std::chrono::nanoseconds finish) {
  return {profile, accuracy, agreement, {.known = true, .finish = finish}};
}

/// Slower is better.
std::vector<Candidate> Three() {
  return {Of(kBaseline, 0.90, 1.0, 30ms), Of(kQuantized, 0.89, 0.99, 20ms), Of(kPruned, 0.85, 0.95, 10ms)};
}

struct Row {
  std::string what;
  std::vector<Candidate> candidates;
  Objective objective;
  Reason reason;
  size_t profile;
};

std::vector<Row> Rows() {
  return {
      {"no limits: the most accurate", Three(), {}, Reason::kMostAccurateInTime, kBaseline},
      {"the deadline rules the best out", Three(), {.deadline = 25ms}, Reason::kMostAccurateInTime, kQuantized},
      {"so does the latency", Three(), {.max_latency = 15ms}, Reason::kMostAccurateInTime, kPruned},
      {"the nearer of both counts",
       Three(),
       {.max_latency = 25ms, .deadline = 15ms},
       Reason::kMostAccurateInTime,
       kPruned},
      {"a limit that is met to the nanosecond is met", Three(), {.max_latency = 30ms}, Reason::kMostAccurateInTime, 0},
      {"none is within the latency", Three(), {.max_latency = 5ms, .deadline = 1s}, Reason::kFastest, kPruned},
      {"the fastest that is good enough",
       Three(),
       {.min_accuracy = 0.88, .max_latency = 5ms, .deadline = 1s},
       Reason::kFastest,
       kQuantized},
      {"none is within the deadline", Three(), {.deadline = 5ms}, Reason::kTooLate, kPruned},
      {"the good ones are too late", Three(), {.min_accuracy = 0.90, .deadline = 25ms}, Reason::kTooLate, kBaseline},
      {"none is accurate enough", Three(), {.min_accuracy = 0.95}, Reason::kNotAccurateEnough, 0},
      {"agreement is a minimum of its own",
       Three(),
       {.min_agreement = 0.99, .max_latency = 20ms},
       Reason::kMostAccurateInTime,
       kQuantized},
      {"what is not measured meets no minimum",
       {Of(kBaseline, std::nullopt, 1.0, 30ms)},
       {.min_accuracy = 0.0},
       Reason::kNotAccurateEnough,
       0},
      {"no candidates", {}, {}, Reason::kNotAccurateEnough, 0},
      {"equal accuracy: the higher agreement",
       {Of(kPruned, 0.9, 0.95, 10ms), Of(kQuantized, 0.9, 0.99, 20ms)},
       {},
       Reason::kMostAccurateInTime,
       kQuantized},
      {"equal in both: the faster",
       {Of(kBaseline, 0.9, 1.0, 30ms), Of(kQuantized, 0.9, 1.0, 20ms)},
       {},
       Reason::kMostAccurateInTime,
       kQuantized},
      {"measured goes before not measured",
       {Of(kPruned, std::nullopt, std::nullopt, 10ms), Of(kQuantized, 0.1, 0.1, 20ms)},
       {},
       Reason::kMostAccurateInTime,
       kQuantized},
      {"unknown cost is in time",
       {Candidate{kBaseline, 0.9, 1.0, {}}, Of(kPruned, 0.8, 0.9, 10ms)},
       {.deadline = 1ms},
       Reason::kMostAccurateInTime,
       kBaseline},
  };
}

TEST(ChooseByObjective, ChoosesByTheTable) {
  for (const Row& row : Rows()) {
    const Choice choice = ChooseByObjective(row.candidates, row.objective);
    EXPECT_EQ(choice.reason, row.reason) << row.what;
    EXPECT_EQ(choice.profile, row.profile) << row.what;
  }
}

TEST(ChooseByObjective, CountsTheMarginAsTime) {
  std::vector<Candidate> candidates = Three();
  candidates[kBaseline].prediction.margin = 11ms;
  EXPECT_EQ(ChooseByObjective(candidates, {.deadline = 40ms}).profile, kQuantized);
}

TEST(ChooseByObjective, HandsBackThePredictionOfItsChoice) {
  EXPECT_EQ(ChooseByObjective(Three(), {.deadline = 25ms}).prediction.finish, 20ms);
}

}  // namespace
}  // namespace roberta::admission
