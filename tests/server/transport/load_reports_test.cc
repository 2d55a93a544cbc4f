#include "server/transport/load_reports.h"

#include <gtest/gtest.h>

namespace roberta::transport {
namespace {

using std::chrono::seconds;
using Clock = std::chrono::steady_clock;

TEST(LoadReport, RatesAreOfTheTimeBetweenTwoSamples) {
  const LoadSample before = {
      .at = Clock::time_point(seconds(100)), .calls = {.ended = 50, .faults = 1}, .cpu_seconds = 7};
  const LoadSample now = {.at = Clock::time_point(seconds(110)),
                          .calls = {.ended = 250, .faults = 6},
                          .cpu_seconds = 12,
                          .load_ratio = 1.25,
                          .queue_seconds = 0.5};
  const auto report = MakeLoadReport(before, now, 2);
  EXPECT_DOUBLE_EQ(report.rps_fractional(), 20);
  EXPECT_DOUBLE_EQ(report.eps(), 0.5);
  EXPECT_DOUBLE_EQ(report.cpu_utilization(), 0.25);
  EXPECT_DOUBLE_EQ(report.application_utilization(), 1.25);
  EXPECT_DOUBLE_EQ(report.named_metrics().at("queue_seconds"), 0.5);
}

TEST(LoadReport, TheFirstSampleHasNoRates) {
  const LoadSample now = {
      .at = Clock::time_point(seconds(1)), .calls = {.ended = 3}, .cpu_seconds = 9, .load_ratio = 0.5};
  const auto report = MakeLoadReport(now, now, 1);
  EXPECT_EQ(report.rps_fractional(), 0);
  EXPECT_EQ(report.cpu_utilization(), 0);
  EXPECT_EQ(report.application_utilization(), 0.5);
}

// What clients read is bytes with the standard's numbers.
TEST(LoadReport, FieldsHaveTheNumbersOfTheStandard) {
  const auto* descriptor = xds::data::orca::v3::OrcaLoadReport::descriptor();
  ASSERT_EQ(descriptor->full_name(), "xds.data.orca.v3.OrcaLoadReport");
  for (const auto& [number, name] :
       {std::pair(1, "cpu_utilization"), std::pair(6, "rps_fractional"), std::pair(7, "eps"),
        std::pair(8, "named_metrics"), std::pair(9, "application_utilization")}) {
    ASSERT_NE(descriptor->FindFieldByNumber(number), nullptr) << number;
    EXPECT_EQ(descriptor->FindFieldByNumber(number)->name(), name);
  }
}

}  // namespace
}  // namespace roberta::transport
