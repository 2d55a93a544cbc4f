#include "profiles/terminal/terminal.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <functional>
#include <thread>

namespace roberta::terminal {
namespace {

TEST(Progress, ShowsShareRateAndTimeLeft) {
  EXPECT_EQ(ProgressLine({.items = 1500, .bytes = 25, .total_bytes = 100}, 10),
            "[#####---------------]  25 %  1,500 items  150 items/s  0:30 left");
}

TEST(Progress, WithoutATotalShowsWhatIsKnown) {
  EXPECT_EQ(ProgressLine({.items = 30, .bytes = 25}, 10), "30 items  3 items/s");
}

TEST(Progress, AFileThatGrewIsNotMoreThanFull) {
  EXPECT_EQ(ProgressLine({.items = 1, .bytes = 200, .total_bytes = 100}, 1),
            "[####################] 100 %  1 items  1 items/s  0:00 left");
}

TEST(Progress, StartsWithoutAGuess) {
  EXPECT_EQ(ProgressLine({.total_bytes = 100}, 0), "[--------------------]   0 %  0 items  0 items/s");
}

TEST(Progress, AStageSaysHowMuchOfItIsDone) {
  EXPECT_EQ(StageLine("gradients", 1, 4, 10), "gradients  [#####---------------]  25 %  0:30 left");
}

TEST(Progress, AStageThatHasJustBegunHasNoTimeLeft) {
  EXPECT_EQ(StageLine("gradients", 0, 4, 10), "gradients  [--------------------]   0 %");
}

TEST(Progress, AStageWithoutATotalIsNamed) {
  EXPECT_EQ(StageLine("loading", 0, 0, 10), "loading");
}

/// What `work` makes a progress bar write.
std::string Written(Display display, const std::function<void(ProgressBar*)>& work,
                    std::chrono::milliseconds line_interval = std::chrono::seconds(10)) {
  char* text = nullptr;
  size_t bytes = 0;
  std::FILE* stream = open_memstream(&text, &bytes);
  {
    ProgressBar bar(stream, display, line_interval);
    work(&bar);
  }
  std::fclose(stream);
  const std::string written(text, bytes);
  std::free(text);
  return written;
}

TEST(Progress, ANewStageIsShownAtOnce) {
  EXPECT_EQ(Written(Display::kBar,
                    [](ProgressBar* bar) {
                      bar->Update("one", 0, 0);
                      bar->Update("two", 0, 0);
                    }),
            "\rone\x1b[K\rtwo\x1b[K\r\x1b[K");
}

TEST(Progress, IsPaintedNoMoreThanTenTimesASecond) {
  using Clock = std::chrono::steady_clock;
  const Clock::time_point start = Clock::now();
  const std::string written = Written(Display::kBar, [](ProgressBar* bar) {
    for (int i = 0; i < 1000; ++i) bar->Update("one", 0, 0);
  });
  const auto tenths = static_cast<size_t>((Clock::now() - start) / std::chrono::milliseconds(100));
  const std::string painting = "\rone\x1b[K";
  size_t paintings = 0;
  for (size_t at = 0; (at = written.find(painting, at)) != std::string::npos; at += painting.size()) ++paintings;
  EXPECT_GE(paintings, 1u);
  EXPECT_LE(paintings, 1 + tenths) << "of a thousand, more only where these take longer";
}

TEST(Progress, IsCutWhereTheTerminalEnds) {
  EXPECT_EQ(Written(Display::kBar, [](ProgressBar* bar) { bar->Update(std::string(100, 'x'), 0, 0); }),
            "\r" + std::string(78, 'x') + "…\x1b[K\r\x1b[K");
}

TEST(Progress, ShortWorkLeavesNoLineInALog) {
  EXPECT_EQ(Written(Display::kLines,
                    [](ProgressBar* bar) {
                      bar->Update("one", 1, 2);
                      bar->Update("two", 1, 2);
                    }),
            "");
}

TEST(Progress, LongWorkLeavesMarkedLinesInALog) {
  const auto work = [](ProgressBar* bar) {
    bar->Update("loading", 0, 0);
    bar->Update("measuring", 0, 4);
  };
  EXPECT_EQ(Written(Display::kLines, work, std::chrono::milliseconds(0)),
            "progress: loading\nprogress: measuring  [--------------------]   0 %\n");
}

TEST(Progress, TheTimeLeftOfAPartIsThatOfTheWhole) {
  const auto work = [](ProgressBar* bar) {
    bar->UpdatePart("one", 0, 4);
    std::this_thread::sleep_for(std::chrono::seconds(1));
    bar->UpdatePart("two", 2, 4);
  };
  const std::string written = Written(Display::kLines, work, std::chrono::milliseconds(0));
  EXPECT_NE(written.find("progress: two  [##########----------]  50 %  "), std::string::npos) << written;
  EXPECT_EQ(written.find("0:00 left"), std::string::npos) << written;
}

TEST(Progress, WhatIsNoTerminalGetsLines) {
  std::FILE* file = std::tmpfile();
  EXPECT_EQ(DisplayFor(file), Display::kLines);
  std::fclose(file);
}

TEST(Progress, NumbersAreGrouped) {
  EXPECT_EQ(WithSeparators(0), "0");
  EXPECT_EQ(WithSeparators(999), "999");
  EXPECT_EQ(WithSeparators(1000), "1,000");
  EXPECT_EQ(WithSeparators(1234567), "1,234,567");
}

}  // namespace
}  // namespace roberta::terminal
