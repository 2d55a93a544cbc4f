#include "server/request_log/request_log.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <future>
#include <memory>
#include <nlohmann/json.hpp>
#include <vector>

#include "absl/strings/str_cat.h"

namespace roberta::request_log {
namespace {

using std::chrono::milliseconds;
using TimePoint = std::chrono::steady_clock::time_point;

constexpr int64_t kSlowNs = 1'000'000'000;

nlohmann::json InBraces(std::string_view members) {
  return nlohmann::json::parse(absl::StrCat("{", std::string(members), "}"));
}

/// A log in JSON, and what it has written once it is closed.
struct WrittenLog {
  explicit WrittenLog(RequestLog::Options options) {
    options.format = Format::kJson;
    log = std::make_unique<RequestLog>(options, [this](Level level, std::string_view line) {
      levels.push_back(level);
      lines.push_back(InBraces(line));
    });
  }
  /// As the service does: only if it is wanted.
  void Offer(absl::StatusCode code, int64_t total_ns, TimePoint ended = TimePoint(milliseconds(5000))) {
    if (!log->Wants(code, total_ns)) return;
    Record record;
    record.method = "Classify";
    record.code = code;
    record.total_ns = total_ns;
    record.ended = ended;
    log->Write(record);
  }
  std::vector<std::string> Messages() {
    log.reset();
    std::vector<std::string> messages;
    for (const nlohmann::json& line : lines) messages.push_back(line["message"]);
    return messages;
  }

  std::vector<Level> levels;
  std::vector<nlohmann::json> lines;
  std::unique_ptr<RequestLog> log;
};

using ::testing::ElementsAre;
using ::testing::IsEmpty;

void OfferOneOfEachKind(WrittenLog& written) {
  written.Offer(absl::StatusCode::kOk, 1);
  written.Offer(absl::StatusCode::kOk, kSlowNs);
  written.Offer(absl::StatusCode::kUnavailable, 1);
  written.Offer(absl::StatusCode::kInternal, 1);
}

TEST(RequestLog, OfEveryCallHasALineForEach) {
  WrittenLog written({.every_call = true, .slow_ns = kSlowNs});
  OfferOneOfEachKind(written);
  EXPECT_THAT(written.Messages(), ElementsAre("request", "slow request", "request not answered", "request failed"));
  EXPECT_THAT(written.levels, ElementsAre(Level::kInfo, Level::kWarn, Level::kWarn, Level::kError));
}

TEST(RequestLog, HasSlowCallsAndFaultsOfTheServerWithoutBeingAsked) {
  WrittenLog written({.slow_ns = kSlowNs});
  OfferOneOfEachKind(written);
  EXPECT_THAT(written.Messages(), ElementsAre("slow request", "request failed"));
}

TEST(RequestLog, WithoutALimitOnTimeNothingIsSlow) {
  WrittenLog written({});
  written.Offer(absl::StatusCode::kOk, int64_t{1} << 60);
  EXPECT_THAT(written.Messages(), IsEmpty());
}

TEST(RequestLog, ACallThatIsAsLongAsItsClientWishesIsNeverSlow) {
  WrittenLog written({.every_call = true, .slow_ns = kSlowNs});
  Record record = {.method = "ClassifyStream", .total_ns = 2 * kSlowNs};
  record.length_is_the_clients = true;
  written.log->Write(record);
  EXPECT_THAT(written.Messages(), ElementsAre("request"));
}

TEST(RequestLog, LeavesOutWhatIsBelowTheLevel) {
  WrittenLog written({.every_call = true, .slow_ns = kSlowNs, .lowest = Level::kError});
  OfferOneOfEachKind(written);
  EXPECT_THAT(written.Messages(), ElementsAre("request failed"));
}

TEST(RequestLog, DoesNotLimitCallsThatWereAnswered) {
  WrittenLog written({.every_call = true, .slow_ns = kSlowNs});
  for (int i = 0; i < 100; ++i) written.Offer(absl::StatusCode::kOk, i % 2 == 0 ? 1 : kSlowNs);
  EXPECT_EQ(written.Messages().size(), 100u);
}

TEST(RequestLog, LimitsSlowCallsWhereTheyAreAllItHas) {
  WrittenLog written({.slow_ns = kSlowNs});
  for (int i = 0; i < 100; ++i) written.Offer(absl::StatusCode::kOk, kSlowNs);
  EXPECT_EQ(written.Messages().size(), static_cast<size_t>(RequestLog::kLinesPerSecond) + 1);  // and a last one
}

TEST(RequestLog, LinesAndSuppressedOnesAddUpToTheCalls) {
  WrittenLog written({.every_call = true});
  constexpr int kCalls = 5000;
  for (int ms = 0; ms < kCalls; ++ms) {
    written.Offer(absl::StatusCode::kResourceExhausted, 1, TimePoint(milliseconds(5000 + ms)));
  }
  written.Messages();
  size_t lines_of_calls = 0, suppressed = 0;
  for (const nlohmann::json& line : written.lines) {
    lines_of_calls += line.contains("method");
    suppressed += line.value("suppressed", 0u);
  }
  EXPECT_EQ(lines_of_calls, 10u + 49u);
  EXPECT_EQ(lines_of_calls + suppressed, static_cast<size_t>(kCalls));
  EXPECT_FALSE(written.lines.back().contains("method"));  // only the suppressed ones
}

TEST(RequestLog, AFloodOfRefusalsDoesNotHideAFault) {
  WrittenLog written({.every_call = true});
  for (int i = 0; i < 1000; ++i) written.Offer(absl::StatusCode::kResourceExhausted, 1);
  written.Offer(absl::StatusCode::kInternal, 1);
  const auto messages = written.Messages();
  EXPECT_EQ(std::count(messages.begin(), messages.end(), "request failed"), 1);
}

TEST(RequestLog, CountsLinesThatItsReaderWasTooSlowFor) {
  std::promise<void> release;
  std::shared_future<void> released = release.get_future().share();
  std::vector<nlohmann::json> lines;
  constexpr size_t kCalls = RequestLog::kMostWaitingLines + 100;
  auto log = std::make_unique<RequestLog>(RequestLog::Options{.every_call = true, .format = Format::kJson},
                                          [&](Level, std::string_view line) {
                                            released.wait();
                                            lines.push_back(InBraces(line));
                                          });
  Record record;
  record.method = "Classify";
  for (size_t i = 0; i < kCalls; ++i) log->Write(record);  // none of this waits for the reader
  release.set_value();
  log.reset();
  size_t lines_of_calls = 0, lost = 0;
  for (const nlohmann::json& line : lines) {
    lines_of_calls += line.contains("method");
    lost += line.value("lost", 0u);
  }
  EXPECT_GE(lines_of_calls, RequestLog::kMostWaitingLines);
  EXPECT_LT(lines_of_calls, kCalls);
  EXPECT_EQ(lines_of_calls + lost, kCalls);
}

}  // namespace
}  // namespace roberta::request_log
