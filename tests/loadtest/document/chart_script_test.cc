#include "loadtest/document/chart_script.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>

namespace roberta::loadtest::document {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

constexpr ChartSize kSize = {480, 200};

/// `name` stands where a name can: on the axes, at a level, and as a series'.
Chart Lines(const std::string& name) {
  LineChart lines;
  lines.x.label = name;
  lines.y.label = "latency, ms";
  lines.levels = {{15, name}};
  lines.series.push_back({name, {{0, 0x72, 0xb2}}, {{1, 10, std::pair(9.0, 11.5)}, {2, 20, std::nullopt}}});
  return {"title", "reading", lines};
}

Chart Bars(const std::string& category) {
  BarChart bars;
  bars.categories = {category, "other"};
  bars.bars = {{"one", {{0, 0, 0}}, {1.0, std::nullopt}}, {"two", {{1, 1, 1}}, {2.0, 3.0}}};
  bars.y_label = "ms";
  return {"title", "reading", bars};
}

TEST(ChartScript, ValuesAndIntervalsAreTheData) {
  EXPECT_THAT(ChartScript(Lines("baseline"), kSize, "/tmp/x.svg"), HasSubstr("\n1 10 9 11.5\n2 20 20 20\nEOD\n"));
}

TEST(TicksBetween, AreOnesTwosAndFives) {
  const LogarithmicTicks ticks = TicksBetween(18, 240);
  EXPECT_EQ(ticks.first, 10);
  EXPECT_EQ(ticks.last, 500);
  EXPECT_THAT(ticks.values, ElementsAre(10, 20, 50, 100, 200, 500));
}

TEST(TicksBetween, ArePowersOfTenOverManyDecades) {
  EXPECT_THAT(TicksBetween(0.5, 4000).values, ElementsAre(0.1, 1, 10, 100, 1000, 10'000));
}

TEST(TicksBetween, AreTwoAtLeast) {
  EXPECT_THAT(TicksBetween(20, 20).values, ElementsAre(20, 50));
}

TEST(InLines, BreaksWhereWordsEnd) {
  EXPECT_EQ(InLines("1 user: 12.6 ms", 8), "\"1 user: \\n12.6 ms\"");
  EXPECT_EQ(InLines("a, b", 2), "\"a, \\nb\"");
  EXPECT_EQ(CountLines(InLines("baseline, strategy padded", 10)), 3u);
}

TEST(InLines, BreaksAWordThatIsMuchTooLongBetweenLetters) {
  EXPECT_EQ(InLines("ääääääää", 4), "\"äää\\näää\\nää\"");
}

TEST(Bars, HaveTheirNamesInALegendWhereThereIsNoRoomBelow) {
  BarChart bars;
  bars.categories = {"baseline", "quantized", "integrated"};
  bars.category_colors = {{0, 0, 0}, {1, 1, 1}, {2, 2, 2}};
  bars.bars = {{"", {}, {1.0, 2.0, 3.0}, {}}};
  EXPECT_FALSE(LegendNamesBars(bars, 480));
  EXPECT_TRUE(LegendNamesBars(bars, 150));
  bars.category_colors = {{0, 0, 0}, {0, 0, 0}, {0, 0, 0}};
  EXPECT_FALSE(LegendNamesBars(bars, 150)) << "a legend of one color tells nothing";
}

TEST(Bars, HaveTheirIntervalsDrawn) {
  BarChart bars;
  bars.categories = {"a"};
  bars.bars = {{"", {}, {2.0}, {std::pair(1.5, 2.5)}}};
  bars.y_label = "ms";
  EXPECT_THAT(ChartScript({"t", "r", bars}, kSize, "/tmp/x.svg"), HasSubstr("$intervals << EOD\n0 2 1.5 2.5\nEOD\n"));
}

TEST(ChartScript, ABarThatWasNotMeasuredSaysSo) {
  EXPECT_THAT(ChartScript(Bars("a"), kSize, "/tmp/x.svg"), HasSubstr("set label 'not measured' at 0.795,"));
}

TEST(ChartScript, WhatIsNoNumberIsMissing) {
  Chart chart = Lines("baseline");
  std::get<LineChart>(chart.plot).series[0].points[0].y = std::numeric_limits<double>::infinity();
  EXPECT_THAT(ChartScript(chart, kSize, "/tmp/x.svg"), HasSubstr("\n1 NaN "));
}

TEST(ChartScript, AChartWithoutAnyValueIsEmpty) {
  Chart chart = Lines("baseline");
  EXPECT_THAT(WhyEmpty(chart), IsEmpty());
  std::get<LineChart>(chart.plot).series[0].points.clear();
  EXPECT_THAT(WhyEmpty(chart), HasSubstr("not measured"));
  Chart bars = Bars("a");
  EXPECT_THAT(WhyEmpty(bars), IsEmpty());
  for (BarChart::Bars& series : std::get<BarChart>(bars.plot).bars) series.values = {std::nullopt, std::nullopt};
  EXPECT_THAT(WhyEmpty(bars), HasSubstr("not measured"));
}

TEST(ChartScript, PointsOffALogarithmicAxisDoNotCount) {
  Chart chart = Lines("baseline");
  LineChart& lines = std::get<LineChart>(chart.plot);
  lines.y.logarithmic = true;
  for (Point& point : lines.series[0].points) point.y = 0;
  EXPECT_THAT(WhyEmpty(chart), Not(IsEmpty()));
}

TEST(ChartScript, ALonePointOfALineIsMarkedSinceALineNeedsTwo) {
  Chart chart = Lines("baseline");
  Series& series = std::get<LineChart>(chart.plot).series[0];
  series.marked = false;
  EXPECT_THAT(ChartScript(chart, kSize, "/tmp/x.svg"), Not(HasSubstr("linespoints")));
  series.points[1].y = std::numeric_limits<double>::quiet_NaN();
  EXPECT_THAT(ChartScript(chart, kSize, "/tmp/x.svg"), HasSubstr("linespoints"));
  series.points.pop_back();
  EXPECT_THAT(ChartScript(chart, kSize, "/tmp/x.svg"), HasSubstr("linespoints"));
}

TEST(ChartScript, PointsOutsideOfTheRangeDoNotCount) {
  Chart chart = Lines("baseline");
  std::get<LineChart>(chart.plot).x.range = {5, 10};
  EXPECT_THAT(WhyEmpty(chart), Not(IsEmpty()));
}

/// Labels that would be commands, ends of strings, markup or ends of data if gnuplot took them so.
class HostileLabel : public testing::TestWithParam<const char*> {};

TEST_P(HostileLabel, IsDrawnAsText) {
  for (const Chart& chart : {Lines(GetParam()), Bars(GetParam())}) {
    const auto svg = DrawChart(chart, kSize);
    ASSERT_TRUE(svg.ok()) << svg.status();
    EXPECT_THAT(*svg, Not(HasSubstr(">intruder")));
  }
}

INSTANTIATE_TEST_SUITE_P(All, HostileLabel,
                         testing::Values("'; system('touch /tmp/x'); '", "`echo intruder`", "\"; exit 3 #",
                                         "a\nEOD\nexit 3\n", "a_{b}^c", "\\", "\\\" 1 2 3", "%s %d", "\x01\x7f", "<&>",
                                         "$(echo intruder)", "a\tb \"c\" 'd'", ""));

TEST(DrawChart, NamesStandInTheDrawing) {
  const auto svg = DrawChart(Bars("my_profile"), kSize);
  ASSERT_TRUE(svg.ok()) << svg.status();
  EXPECT_THAT(*svg, HasSubstr("my_profile"));
  EXPECT_THAT(*svg, HasSubstr(">ms<"));
}

TEST(DrawChart, WhatLooksLikeAFormatIsText) {
  Chart lines = Lines("%s of %d");
  std::get<LineChart>(lines.plot).x.ticks = {{1, "1 %s"}, {2, "50 %"}};
  const auto bars = DrawChart(Bars("%s of %d"), kSize);
  ASSERT_TRUE(bars.ok()) << bars.status();
  EXPECT_THAT(*bars, HasSubstr("%s of %d"));
  const auto svg = DrawChart(lines, kSize);
  ASSERT_TRUE(svg.ok()) << svg.status();
  EXPECT_THAT(*svg, testing::AllOf(HasSubstr(">1 %s<"), HasSubstr(">50 %<")));
}

}  // namespace
}  // namespace roberta::loadtest::document
