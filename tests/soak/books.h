#pragma once

#include <cstdint>
#include <map>
#include <mutex>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "client/direct_client.h"
#include "loadtest/target/metrics_page.h"
#include "tests/soak/random_call.h"

namespace roberta::soak {

/// What each text's logits are when it is classified alone by the exact profile.
using LogitsAlone = std::vector<std::vector<float>>;

/// The client's account of all calls, held against their promises and the server's account. Any thread.
class Books {
 public:
  /// `alone` must outlive this; empty: results are not compared.
  explicit Books(const LogitsAlone* alone) : alone_(*alone) {}

  void Sent();
  void Ended(const RandomCall& call, const client::Answer& answer);

  /// What was broken, a sentence each, beginning with: calls without exactly one outcome.
  std::vector<std::string> Broken() const;
  int64_t sent() const;
  int64_t compared() const;                       ///< results held against LogitsAlone
  std::map<std::string, int64_t> ByCode() const;  ///< for people

  /// Ok if the calls that the server booked between two pages are those of these books: for calls that cannot be
  /// given up, as many of each code; of the others, none that was not sent, and no fewer of a code than have it here.
  absl::Status CompareWith(const loadtest::target::MetricsPage& before,
                           const loadtest::target::MetricsPage& after) const;

 private:
  void BreakLocked(const std::string& what);
  void CompareLogitsLocked(const RandomCall& call, const v1::ClassifyResponse& response);

  const LogitsAlone& alone_;
  mutable std::mutex mutex_;
  int64_t sent_ = 0, ended_ = 0, compared_ = 0;
  std::map<absl::StatusCode, int64_t> kept_, given_up_;  ///< ended calls that cannot, and that may be given up
  std::vector<std::string> broken_;
  int64_t more_broken_ = 0;
};

}  // namespace roberta::soak
