#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "loadtest/record/run_record.h"

namespace roberta::loadtest::report_fixture {

/// What a run made by hand came to. Its requests carry a text each.
struct Given {
  std::string profile = "baseline";
  std::string variant;
  int64_t turn = 0;
  int64_t users = 0;  ///< closed loop; 0: open
  double rate = 0;    ///< open loop, requests/s
  double texts_per_second = 100;
  double p50_ms = 10, p99_ms = 20;  ///< both exact, to the histograms' digits
  int64_t refused = 0, expired = 0;
  double padding = 0;  ///< mean share of a batch
  double batch_items = 1;
  double resident_mib = 420;
};

/// A run of 10 s after 2 s of warm-up, with an account of everything a run can tell, on a made-up host.
record::RunRecord MakeRun(const Given& given);

/// As a run's that answered 872 labeled texts ten times: so many right, like baseline, and other than alone.
record::Quality MakeQuality(int64_t correct, int64_t agreed, int64_t flips);

record::RateSearch MakeSearch(const std::string& profile, const std::vector<double>& found);

/// What a suite leaves: five profiles in turns at several loads, searches, and the ways of data loading.
record::Series SuiteSeries();

/// The runs of `series` but those of `profile`, which the server has as FAILED for `reason`.
record::Series WithFailed(record::Series series, const std::string& profile, const std::string& reason);

}  // namespace roberta::loadtest::report_fixture
