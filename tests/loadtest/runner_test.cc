#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <string>
#include <thread>
#include <utility>

#include "loadtest/runner/run.h"
#include "tests/client/fake_server.h"

namespace roberta::loadtest::runner {
namespace {

using client::Echo;
using client::FakeServer;
using std::chrono::milliseconds;
using std::chrono::seconds;
using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr int64_t kMs = 1'000'000;

workload::RequestMix MixOf(std::vector<workload::RequestClass> classes) {
  return *workload::RequestMix::Make(std::move(classes), 1);
}

workload::RequestClass ClassOf(const std::string& text, double share = 1) {
  workload::RequestClass made = {.name = text, .share = share};
  made.items.emplace_back().set_text(text);
  return made;
}

bool GoOn() {
  return false;
}

RunResult RunAgainst(
    const FakeServer& server, Plan plan, const std::function<bool()>& stop_requested = GoOn,
    const std::function<void(const Progress&)>& on_progress = [](const Progress&) {}) {
  client::DirectClient client({.address = server.address(), .connections = 2});
  EXPECT_TRUE(client.Connect(seconds(60)).ok());
  workload::RequestMix mix = MixOf({ClassOf("x")});
  if (plan.deadline == nanoseconds(0)) plan.deadline = seconds(60);
  RunResult result = Execute(std::move(plan), &mix, &client, stop_requested, on_progress);
  EXPECT_TRUE(result.CheckBooks().ok()) << result.CheckBooks();
  return result;
}

Plan ClosedPlan(size_t concurrency, nanoseconds duration) {
  Plan plan;
  plan.concurrency = concurrency;
  plan.duration = duration;
  return plan;
}

Plan OpenPlan(double rate, nanoseconds duration) {
  Plan plan;
  plan.arrivals = workload::ConstantArrivals(rate);
  plan.duration = duration;
  return plan;
}

/// Echo that counts its calls.
struct Counting {
  std::atomic<int64_t> calls{0};
  FakeServer server{[this](auto* context, const auto& request, auto* response) {
    ++calls;
    return Echo(context, request, response);
  }};
};

/// Values that are in no bin above that of `value`.
int64_t CountAtOrBelow(const stats::Histogram& histogram, int64_t value) {
  int64_t count = 0;
  for (const stats::Histogram::Bin& bin : histogram.Bins()) count += bin.lowest <= value ? bin.count : 0;
  return count;
}

/// Values that are in a bin below that of `value`.
int64_t CountBelow(const stats::Histogram& histogram, int64_t value) {
  int64_t count = 0;
  for (const stats::Histogram::Bin& bin : histogram.Bins()) count += bin.highest < value ? bin.count : 0;
  return count;
}

int64_t CountAbove(const stats::Histogram& histogram, int64_t value) {
  return histogram.count() - CountAtOrBelow(histogram, value);
}

TEST(Runner, AClosedLoopBooksEveryCallThatTheServerSaw) {
  Counting counting;
  const RunResult result = RunAgainst(counting.server, ClosedPlan(4, milliseconds(300)));
  EXPECT_EQ(result.end, End::kComplete);
  EXPECT_GE(result.Total().sent, 4);  // one of each user, however slow the machine is
  EXPECT_EQ(result.Total().sent, counting.calls);
  EXPECT_EQ(result.Total().Count(stats::Outcome::kAnswered), result.Total().sent);
  EXPECT_EQ(result.Total().items, result.Total().sent);
}

TEST(Runner, AClosedLoopHasNoMoreCallsUnderWayThanUsers) {
  std::atomic<int> now{0}, most{0};
  FakeServer server([&](auto* context, const auto& request, auto* response) {
    const int mine = ++now;
    for (int seen = most; seen < mine && !most.compare_exchange_weak(seen, mine);) {
    }
    std::this_thread::sleep_for(milliseconds(5));
    --now;
    return Echo(context, request, response);
  });
  RunAgainst(server, ClosedPlan(3, milliseconds(300)));
  EXPECT_LE(most, 3);
  EXPECT_GE(most, 1);
}

TEST(Runner, LatenciesAreNoShorterThanTheServersTime) {
  FakeServer server([](auto* context, const auto& request, auto* response) {
    std::this_thread::sleep_for(milliseconds(20));
    return Echo(context, request, response);
  });
  const stats::Tally total = RunAgainst(server, ClosedPlan(2, milliseconds(400))).Total();
  EXPECT_GE(total.answered_from_sent.min(), 20 * kMs);
  EXPECT_GE(total.answered_from_intended.min(), 20 * kMs);
  EXPECT_LE(total.sent, 2 * (400 / 20 + 1));
}

TEST(Runner, AnOpenLoopSendsWhatIsDueAndNoMore) {
  Counting counting;
  const RunResult result = RunAgainst(counting.server, OpenPlan(200, milliseconds(500)));
  EXPECT_EQ(result.intended, 100);
  EXPECT_EQ(result.Total().sent, counting.calls);
  EXPECT_LE(result.Total().sent, 100);
}

// Calls that waited for the answer of the one before would never be two at a time.
TEST(Runner, AnOpenLoopDoesNotWaitForAnswers) {
  std::atomic<int> now{0}, most{0};
  FakeServer server([&](auto* context, const auto& request, auto* response) {
    const int mine = ++now;
    for (int seen = most; seen < mine && !most.compare_exchange_weak(seen, mine);) {
    }
    std::this_thread::sleep_for(milliseconds(200));
    --now;
    return Echo(context, request, response);
  });
  RunAgainst(server, OpenPlan(50, milliseconds(400)));
  EXPECT_GE(most, 2);
}

// One call at a time, 100 a second for two seconds, and one of them takes 600 ms: the 60 that were due meanwhile waited
// for it. From the actual send only that one was slow: the coordinated omission that the intended clock is for. A busy
// machine makes some more of them slow or late, but not half of those that the stall holds back. One that needs more
// than the 10 ms that a call has is always behind, and sends less, so that calls before the stall are delayed instead.
TEST(Runner, AStallShowsInTheIntendedClockAndNotInTheActualOne) {
  std::atomic<int> calls{0};
  FakeServer server([&](auto* context, const auto& request, auto* response) {
    if (++calls == 40) std::this_thread::sleep_for(milliseconds(600));
    return Echo(context, request, response);
  });
  Plan plan = OpenPlan(100, seconds(2));
  plan.max_in_flight = 1;
  const RunResult result = RunAgainst(server, std::move(plan));
  const stats::Tally total = result.Total();
  const int64_t delayed = CountAbove(total.answered_from_intended, 100 * kMs);
  EXPECT_GE(delayed, 30);
  EXPECT_LE(CountAbove(total.answered_from_sent, 100 * kMs), delayed / 2);
  EXPECT_GE(total.answered_from_sent.max(), 600 * kMs);
  EXPECT_GE(result.held_back, 1);
  EXPECT_LE(CountAbove(total.lateness, 100 * kMs), delayed / 2) << "held back is not late";
}

// Every fourth call takes 300 ms, and none of these is good; the others are, unless this machine was slow.
TEST(Runner, GoodputIsWhatWasAnsweredWithinTheObjective) {
  std::atomic<int> calls{0}, slow{0};
  FakeServer server([&](auto* context, const auto& request, auto* response) {
    if (++calls % 4 == 0) {
      ++slow;
      std::this_thread::sleep_for(milliseconds(300));
    }
    return Echo(context, request, response);
  });
  Plan plan = OpenPlan(100, seconds(1));
  plan.objective = milliseconds(150);
  const stats::Tally total = RunAgainst(server, std::move(plan)).Total();
  EXPECT_GE(slow, 5);
  EXPECT_GT(total.good, 0);
  EXPECT_LE(total.good, total.sent - slow);
  // Of the values in the objective's own bin, the histogram does not say on which side they are.
  EXPECT_GE(total.good, CountBelow(total.answered_from_intended, 150 * kMs));
  EXPECT_LE(total.good, CountAtOrBelow(total.answered_from_intended, 150 * kMs));
}

TEST(Runner, EveryCodeIsBookedAsTheServerGaveIt) {
  const grpc::StatusCode codes[] = {grpc::StatusCode::OK,        grpc::StatusCode::RESOURCE_EXHAUSTED,
                                    grpc::StatusCode::INTERNAL,  grpc::StatusCode::CANCELLED,
                                    grpc::StatusCode::NOT_FOUND, grpc::StatusCode::DEADLINE_EXCEEDED};
  std::atomic<size_t> calls{0};
  FakeServer server([&](auto* context, const auto& request, auto* response) {
    const grpc::StatusCode code = codes[calls++ % std::size(codes)];
    return code == grpc::StatusCode::OK ? Echo(context, request, response) : grpc::Status(code, "scripted");
  });
  const stats::Tally total = RunAgainst(server, OpenPlan(300, milliseconds(400))).Total();
  const auto given = [&](size_t place) {
    return static_cast<int64_t>((calls + std::size(codes) - 1 - place) / std::size(codes));
  };
  EXPECT_EQ(total.Count(stats::Outcome::kAnswered), given(0));
  EXPECT_EQ(total.Count(stats::Outcome::kRefused), given(1));
  EXPECT_EQ(total.codes.at(absl::StatusCode::kInternal), given(2));
  EXPECT_EQ(total.Count(stats::Outcome::kCancelled), given(3));
  EXPECT_EQ(total.Count(stats::Outcome::kFailed), given(2) + given(4));
  EXPECT_EQ(total.Count(stats::Outcome::kExpired), given(5));
}

TEST(Runner, CallsBeyondTheirDeadlineAreExpired) {
  FakeServer server([](auto* context, const auto&, auto*) {
    while (!context->IsCancelled()) std::this_thread::sleep_for(milliseconds(1));
    return grpc::Status::CANCELLED;
  });
  Plan plan = ClosedPlan(2, milliseconds(200));
  plan.deadline = milliseconds(50);
  const stats::Tally total = RunAgainst(server, std::move(plan)).Total();
  EXPECT_GE(total.sent, 2);
  EXPECT_EQ(total.Count(stats::Outcome::kExpired), total.sent);
}

TEST(Runner, ARefusedUserWaitsAsLongAsItIsAsked) {
  std::atomic<int> calls{0};
  FakeServer server([&](auto* context, const auto&, auto*) {
    ++calls;
    context->AddTrailingMetadata("grpc-retry-pushback-ms", "200");
    return grpc::Status(grpc::StatusCode::RESOURCE_EXHAUSTED, "full");
  });
  const RunResult result = RunAgainst(server, ClosedPlan(2, milliseconds(500)));
  EXPECT_GE(calls, 2);
  EXPECT_LE(calls, 2 * 3);
  EXPECT_EQ(result.Total().refused_from_sent.count(), calls);
}

TEST(Runner, TheWarmUpIsBookedApart) {
  Counting counting;
  Plan plan = OpenPlan(100, milliseconds(300));
  plan.warm_up.longest = milliseconds(200);
  const RunResult result = RunAgainst(counting.server, std::move(plan));
  EXPECT_EQ(result.intended, 30);
  EXPECT_LE(result.warm_up.sent, 20);
  EXPECT_EQ(result.warm_up.sent + result.Total().sent, counting.calls);
  EXPECT_NEAR(result.warm_up_seconds, 0.2, 1e-9);
  EXPECT_NEAR(result.measured_seconds, 0.3, 1e-9);
}

TEST(Runner, AWarmUpUntilSteadyEndsWhenAnswersComeSteadily) {
  Counting counting;
  Plan plan = OpenPlan(400, milliseconds(300));
  plan.warm_up = {seconds(600), milliseconds(100)};
  const RunResult result = RunAgainst(counting.server, std::move(plan));
  EXPECT_EQ(result.warm_up_end, WarmUpEnd::kSteady);
  EXPECT_GE(result.warm_up_seconds, 0.3);
  EXPECT_LT(result.warm_up_seconds, 600);
  EXPECT_NEAR(result.measured_seconds, 0.3, 1e-9);
  EXPECT_NEAR(static_cast<double>(result.intended), 120, 1);
  EXPECT_EQ(result.warm_up.sent + result.Total().sent, counting.calls);
}

TEST(Runner, AWarmUpWithoutAnswersEndsAfterItsLongestTimeAndSaysSo) {
  std::atomic<bool> warm{false};
  std::atomic<int> answers{0};
  FakeServer server([&](auto* context, const auto& request, auto* response) {
    while (!warm) std::this_thread::sleep_for(milliseconds(1));
    ++answers;
    return Echo(context, request, response);
  });
  Plan plan = ClosedPlan(2, seconds(600));
  plan.warm_up = {milliseconds(300), milliseconds(100)};
  const RunResult result = RunAgainst(
      server, std::move(plan), [&] { return answers > 20; },
      [&](const Progress& progress) { warm = !progress.warming_up; });
  EXPECT_EQ(result.warm_up_end, WarmUpEnd::kNotSteady);
  EXPECT_GE(result.warm_up_seconds, 0.3);
  EXPECT_GT(result.Total().sent, 2);
}

TEST(Runner, AStopDuringTheWarmUpLeavesNothingMeasured) {
  Counting counting;
  Plan plan = ClosedPlan(2, seconds(600));
  plan.warm_up = {seconds(600), seconds(500)};
  const RunResult result = RunAgainst(counting.server, std::move(plan), [&] { return counting.calls > 20; });
  EXPECT_EQ(result.end, End::kStopped);
  EXPECT_EQ(result.Total().sent, 0);
  EXPECT_EQ(result.measured_seconds, 0);
  EXPECT_EQ(result.warm_up.sent, counting.calls);
}

TEST(Runner, EveryMeasuredAnswerIsShownWithItsRequest) {
  Counting counting;
  int64_t shown = 0;
  Plan plan = OpenPlan(200, milliseconds(300));
  plan.warm_up.longest = milliseconds(200);
  plan.on_answer = [&](const workload::Request& request, const v1::ClassifyResponse& response) {
    ++shown;
    EXPECT_EQ(request.texts, std::vector<uint32_t>{0});
    EXPECT_EQ(response.results(0).classification().label(), "x");
  };
  const RunResult result = RunAgainst(counting.server, std::move(plan));
  EXPECT_EQ(shown, result.Total().Count(stats::Outcome::kAnswered));
}

TEST(Runner, ClassesAreBookedApart) {
  std::atomic<int64_t> shorts{0}, longs{0};
  FakeServer server([&](auto* context, const auto& request, auto* response) {
    ++(request.items(0).text() == "long" ? longs : shorts);
    return Echo(context, request, response);
  });
  client::DirectClient client({.address = server.address()});
  workload::RequestMix mix = MixOf({ClassOf("short", 0.7), ClassOf("long", 0.3)});
  Plan plan = ClosedPlan(2, seconds(600));
  plan.deadline = seconds(60);
  const RunResult result = Execute(
      std::move(plan), &mix, &client, [&] { return shorts > 0 && longs > 0; }, [](const Progress&) {});
  ASSERT_EQ(result.classes.size(), 2u);
  EXPECT_EQ(result.class_names[1], "long");
  EXPECT_EQ(result.classes[0].sent, shorts);
  EXPECT_EQ(result.classes[1].sent, longs);
}

TEST(Runner, WindowsAddUpToTheBooks) {
  Counting counting;
  const RunResult result = RunAgainst(counting.server, OpenPlan(100, milliseconds(1300)));
  ASSERT_GE(result.windows.size(), 2u);
  int64_t sent = 0, answered = 0;
  for (const Window& window : result.windows) {
    sent += window.sent;
    answered += window.answered;
    EXPECT_EQ(window.from_intended.count(), window.answered);
  }
  EXPECT_EQ(sent, result.Total().sent);
  EXPECT_EQ(answered, result.Total().Count(stats::Outcome::kAnswered));
}

TEST(Runner, AServerThatDiesEndsTheRunAndTheBooksStillBalance) {
  for (const bool open : {false, true}) {
    Counting counting;
    Plan plan = open ? OpenPlan(200, seconds(600)) : ClosedPlan(4, seconds(600));
    plan.lost_after = milliseconds(200);
    std::thread killer;
    const RunResult result = RunAgainst(counting.server, std::move(plan), GoOn, [&](const Progress&) {
      if (counting.calls < 20 || killer.joinable()) return;
      killer = std::thread([&] { counting.server.server().Shutdown(std::chrono::system_clock::now()); });
    });
    killer.join();
    EXPECT_EQ(result.end, End::kServerLost);
    EXPECT_GE(result.Total().Count(stats::Outcome::kAnswered), 1);
    EXPECT_GE(result.Total().Count(stats::Outcome::kUnavailable), 1);
  }
}

TEST(Runner, AShortRunWithoutAnyAnswerButUnavailableHasLostItsServer) {
  std::atomic<int> calls{0};
  FakeServer gone([](auto*, const auto&, auto*) { return grpc::Status(grpc::StatusCode::UNAVAILABLE, "gone"); });
  EXPECT_EQ(RunAgainst(gone, ClosedPlan(2, milliseconds(200))).end, End::kServerLost);
  FakeServer shaky([&](auto* context, const auto& request, auto* response) {
    return ++calls % 2 == 0 ? Echo(context, request, response) : grpc::Status(grpc::StatusCode::UNAVAILABLE, "shaky");
  });
  EXPECT_EQ(RunAgainst(shaky, ClosedPlan(2, milliseconds(300))).end, End::kComplete);
}

TEST(Runner, AStopEndsTheRunWithWhatWasMeasured) {
  Counting counting;
  const RunResult result =
      RunAgainst(counting.server, OpenPlan(200, seconds(600)), [&] { return counting.calls > 20; });
  EXPECT_EQ(result.end, End::kStopped);
  EXPECT_GT(result.Total().sent, 20);
  EXPECT_LT(result.measured_seconds, 600);
}

TEST(Runner, ARateThatNobodyCanSendIsAFault) {
  FakeServer server([](auto* context, const auto& request, auto* response) {
    std::this_thread::sleep_for(milliseconds(20));
    return Echo(context, request, response);
  });
  Plan plan = OpenPlan(1e6, milliseconds(300));
  plan.max_in_flight = 10;
  const RunResult result = RunAgainst(server, std::move(plan));
  EXPECT_EQ(result.intended, 300'000);
  EXPECT_LE(result.Total().sent, 10 * (300 / 20 + 1));
  EXPECT_THAT(result.Faults(), Contains(HasSubstr("of 300000 intended requests were sent")));
}

TEST(Runner, RecordedArrivalsThatEndEarlyAreAllSent) {
  Counting counting;
  Plan plan = ClosedPlan(1, seconds(2));  // what is due is sent as long as the run lasts
  plan.arrivals = workload::RecordedArrivals({0, 10 * kMs, 10 * kMs});
  EXPECT_EQ(RunAgainst(counting.server, std::move(plan)).Total().sent, 3);
}

RunResult QuietResult() {
  RunResult result;
  result.classes.resize(1);
  result.measured_seconds = 10;
  result.client_cores = 2;
  result.client_cpu_seconds = 1;
  result.intended = 100;
  result.classes[0].sent = 100;
  for (int i = 0; i < 100; ++i) {
    result.classes[0].Add({.intended_ns = 0, .ready_ns = 0, .sent_ns = kMs / 10, .received_ns = 20 * kMs}, INT64_MAX);
  }
  return result;
}

TEST(RunResult, ARunThatKeptUpHasNoFaults) {
  EXPECT_THAT(QuietResult().Faults(), IsEmpty());
}

TEST(RunResult, LatenessOfATenthOfTheMedianIsAFault) {
  RunResult result = QuietResult();
  for (int i = 0; i < 3; ++i) result.classes[0].lateness.Add(3 * kMs);
  EXPECT_THAT(result.Faults(), Contains(HasSubstr("p99 of its lateness is 3.0")));
}

TEST(RunResult, RequestsThatWereNotSentAreAFault) {
  RunResult result = QuietResult();
  result.intended = 103;
  EXPECT_THAT(result.Faults(), Contains("only 100 of 103 intended requests were sent"));
}

TEST(RunResult, CoresThatWereUsedUpAreAFault) {
  RunResult result = QuietResult();
  result.client_cpu_seconds = 19;
  EXPECT_THAT(result.Faults(), Contains("this program used 95 % of the 2 cores it has"));
}

}  // namespace
}  // namespace roberta::loadtest::runner
