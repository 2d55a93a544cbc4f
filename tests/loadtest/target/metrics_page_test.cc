#include "loadtest/target/metrics_page.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "tests/loadtest/target/page_server.h"

namespace roberta::loadtest::target {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Pair;

constexpr char kPage[] =
    "# HELP requests_total Calls.\n"
    "# TYPE requests_total counter\n"
    "requests_total{method=\"A\",code=\"OK\"} 3\n"
    "requests_total{method=\"A\",code=\"BAD\"} 1\n"
    "requests_total{method=\"B\",code=\"OK\"} 10\n"
    "\n"
    "seconds_bucket{le=\"0.5\"} 1\n"
    "seconds_bucket{le=\"+Inf\"} 2\n"
    "seconds_sum 1.25\n"
    "memory_bytes 1.5e+06 1700000000000\n";

MetricsPage Read(const std::string& text) {
  auto page = MetricsPage::Parse(text);
  EXPECT_TRUE(page.ok()) << page.status();
  return page.ok() ? *page : MetricsPage();
}

TEST(MetricsPage, SumsAreOverTheSeriesWithTheLabels) {
  const MetricsPage page = Read(kPage);
  EXPECT_EQ(page.Sum("requests_total"), 14);
  EXPECT_EQ(page.Sum("requests_total", {{"method", "A"}}), 4);
  EXPECT_EQ(page.Sum("requests_total", {{"method", "A"}, {"code", "OK"}}), 3);
  EXPECT_EQ(page.Sum("requests_total", {{"color", "red"}}), 0);
  EXPECT_EQ(page.Sum("absent"), 0);
}

TEST(MetricsPage, SumsByALabel) {
  EXPECT_THAT(Read(kPage).SumsBy("code", "requests_total"), ElementsAre(Pair("BAD", 1), Pair("OK", 13)));
  EXPECT_TRUE(Read(kPage).SumsBy("code", "seconds_sum").empty());
}

TEST(MetricsPage, NumbersAreAsGoWritesThem) {
  const MetricsPage page = Read("a 1\nb -2.5e-3\nc +Inf\nd -Inf\ne NaN\nf 0");
  EXPECT_EQ(page.Sum("a"), 1);
  EXPECT_EQ(page.Sum("b"), -0.0025);
  EXPECT_EQ(page.Sum("c"), INFINITY);
  EXPECT_EQ(page.Sum("d"), -INFINITY);
  EXPECT_TRUE(std::isnan(page.Sum("e")));
  EXPECT_TRUE(page.Has("f"));
}

TEST(MetricsPage, TimesAndBlanksAreRead) {
  const MetricsPage page = Read(kPage);
  EXPECT_EQ(page.Sum("memory_bytes"), 1.5e6);
  const MetricsPage spaced = Read("  a { x = \"1\" , y = \"2\" , } \t 5 -7 \n\n \t\nb{}2\n");
  EXPECT_EQ(spaced.Sum("a", {{"x", "1"}, {"y", "2"}}), 5);
  EXPECT_EQ(spaced.Sum("b"), 2);
}

TEST(MetricsPage, EscapesOfLabelsAreResolved) {
  const MetricsPage page = Read(R"(a{x="\"\\n\n}, ,"} 1)");
  ASSERT_EQ(page.SeriesOf("a").size(), 1u);
  EXPECT_EQ(page.SeriesOf("a")[0].labels.at("x"), "\"\\n\n}, ,");
}

TEST(MetricsPage, BucketsAreLeftOut) {
  const MetricsPage page = Read(kPage);
  EXPECT_FALSE(page.Has("seconds_bucket"));
  EXPECT_EQ(page.Sum("seconds_sum"), 1.25);
  EXPECT_TRUE(Read("my_bucket 3\n").Has("my_bucket"));
}

TEST(MetricsPage, WhatIsWrongIsNamedWithItsLine) {
  const std::pair<const char*, const char*> wrong[] = {
      {"1a 5", "a name is missing"},
      {"{x=\"1\"} 5", "a name is missing"},
      {"a", "its value is not a number"},
      {"a five", "its value is not a number"},
      {"a 0x10", "its value is not a number"},
      {"a 5\r", "its value is not a number"},
      {"a{x=\"1\"}", "its value is not a number"},
      {"a 5 now", "its timestamp is not a whole number"},
      {"a 5 6 7", "something stands behind its time"},
      {"a{", "a name is missing"},
      {"a{1=\"1\"} 5", "a name is missing"},
      {"a{x} 5", "a label has no value"},
      {"a{x=1} 5", "a label's value has no quotes"},
      {"a{x=\"1} 5", "a label's value has no end"},
      {"a{x=\"\\", "a label's value has no end"},
      {"a{x=\"\\t\"} 5", "a label's value has an unknown escape"},
      {"a{x=\"1\" y=\"2\"} 5", "labels have no end"},
      {"a{x=\"1\",x=\"2\"} 5", "a label is there twice"},
      {"a{x=\"1\",,} 5", "a name is missing"},
      {"a_bucket{le=\"1\"} x", "its value is not a number"},
      {"<html>", "a name is missing"},
  };
  for (const auto& [line, what] : wrong) {
    const absl::Status status = MetricsPage::Parse(absl::StrCat("fine 1\n", line, "\nfine 2\n")).status();
    EXPECT_TRUE(absl::IsInvalidArgument(status)) << line;
    EXPECT_EQ(std::string(status.message()), absl::StrCat("line 2: ", what)) << line;
  }
}

TEST(MetricsPage, OfAServerIsThatOfItsPath) {
  PageServer server([](const std::string& request) {
    return request.starts_with("GET /metrics ") ? OkAnswer(kPage) : "HTTP/1.1 404 Not Found\r\n\r\n";
  });
  const auto page = MetricsPage::Of(server.address());
  ASSERT_TRUE(page.ok()) << page.status();
  EXPECT_EQ(page->Sum("requests_total"), 14);
}

TEST(MetricsPage, OfAServerWithAnotherPageSaysWhoseItIs) {
  PageServer server([](const std::string&) { return OkAnswer("<html>\n"); });
  const absl::Status status = MetricsPage::Of(server.address()).status();
  EXPECT_THAT(status.message(), HasSubstr("http://" + server.address() + "/metrics: line 1: "));
}

}  // namespace
}  // namespace roberta::loadtest::target
