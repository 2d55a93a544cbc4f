#include "loadtest/record/run_record.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace roberta::loadtest::record {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr int64_t kMs = 1'000'000;

void Answer(stats::Tally* tally, int calls) {
  v1::ClassifyResponse response;
  v1::Phases* phases = response.mutable_phases();
  phases->set_tokenize_ns(1 * kMs);
  phases->set_queue_ns(2 * kMs);
  phases->set_form_ns(3 * kMs);
  phases->set_infer_ns(4 * kMs);
  phases->set_post_ns(5 * kMs);
  phases->set_total_ns(15 * kMs);
  for (int i = 0; i < calls; ++i) {
    ++tally->sent;
    tally->Add({.received_ns = 16 * kMs, .response = &response}, 50 * kMs);
  }
}

void Fail(stats::Tally* tally, absl::StatusCode code, int64_t after_ns) {
  ++tally->sent;
  tally->Add({.received_ns = after_ns, .code = code}, 50 * kMs);
}

/// 1000 answered calls, of which 200 were the warm-up's.
runner::RunResult Result() {
  runner::RunResult result;
  result.classes.resize(2);
  Answer(&result.warm_up, 200);
  Answer(&result.classes[0], 500);
  Answer(&result.classes[1], 300);
  return result;
}

/// What a server has booked of them.
ServerCounters Counters() {
  ServerCounters counters;
  counters.requests = counters.answered = 1000;
  counters.request_seconds = 15;
  counters.phase_seconds = {{"tokenize", 1}, {"queue", 2}, {"form", 3}, {"infer", 4}, {"post", 5}};
  return counters;
}

TEST(ServerGaps, EqualBooksHaveNone) {
  EXPECT_THAT(ServerGaps(Result(), Counters()), IsEmpty());
}

TEST(ServerGaps, UpToTwoPercentIsNone) {
  ServerCounters counters = Counters();
  counters.phase_seconds["queue"] = 2.039;
  counters.phase_seconds["infer"] = 3.93;
  counters.answered = 985;
  EXPECT_THAT(ServerGaps(Result(), counters), IsEmpty());
}

TEST(ServerGaps, APhaseThatTookLongerByTheCountersIsOne) {
  ServerCounters counters = Counters();
  counters.phase_seconds["queue"] = 2.1;
  EXPECT_THAT(ServerGaps(Result(), counters),
              ElementsAre("phase queue: 2.100 s by the server's counters, 2.000 s by its answers"));
}

TEST(ServerGaps, APhaseThatTookLessByTheCountersIsOne) {
  ServerCounters counters = Counters();
  counters.phase_seconds.erase("form");
  counters.request_seconds = 12;
  EXPECT_THAT(ServerGaps(Result(), counters),
              ElementsAre("phase form: 0.000 s by the server's counters, 3.000 s by its answers",
                          "whole calls: 12.000 s by the server's counters, 15.000 s by its answers"));
}

TEST(ServerGaps, OthersCallsAreOneAndTheirTimeIsNone) {
  ServerCounters counters = Counters();
  counters.requests = counters.answered = 1500;
  counters.request_seconds = 30;
  counters.phase_seconds["infer"] = 20;
  EXPECT_THAT(ServerGaps(Result(), counters),
              ElementsAre("the server ended 1500 calls where this program sent 1000: others used it too"));
}

TEST(ServerGaps, AnswersThatTheServerDidNotCountAreOne) {
  ServerCounters counters = Counters();
  counters.requests = counters.answered = 900;
  EXPECT_THAT(ServerGaps(Result(), counters),
              ElementsAre("1000 calls were answered here, and only 900 by the server's count"));
}

TEST(ServerGaps, RefusedCallsMayHaveTakenAsLongAsTheySeemed) {
  runner::RunResult result = Result();
  for (int i = 0; i < 50; ++i) Fail(&result.classes[0], absl::StatusCode::kResourceExhausted, 10 * kMs);
  ServerCounters counters = Counters();
  counters.requests = 1050;
  counters.phase_seconds["queue"] = 2.5;
  EXPECT_THAT(ServerGaps(result, counters), IsEmpty());
  counters.phase_seconds["queue"] = 2.6;
  EXPECT_THAT(ServerGaps(result, counters),
              ElementsAre("phase queue: 2.600 s by the server's counters, 2.000 s by its answers"));
}

TEST(ServerGaps, CallsThatFailedMayHaveTakenAnyTime) {
  runner::RunResult result = Result();
  Fail(&result.classes[0], absl::StatusCode::kDeadlineExceeded, 10 * kMs);
  ServerCounters counters = Counters();
  counters.requests = 1001;
  counters.phase_seconds["queue"] = 50;
  EXPECT_THAT(ServerGaps(result, counters), IsEmpty());
  counters.phase_seconds["queue"] = 1;
  EXPECT_THAT(ServerGaps(result, counters),
              ElementsAre("phase queue: 1.000 s by the server's counters, 2.000 s by its answers"));
}

TEST(ServerGaps, NothingIsComparedWithCountersThatAreMissing) {
  EXPECT_THAT(ServerGaps(Result(), {.missing = "no page"}), IsEmpty());
  EXPECT_THAT(ServerGaps({}, Counters()), IsEmpty());
}

}  // namespace
}  // namespace roberta::loadtest::record
