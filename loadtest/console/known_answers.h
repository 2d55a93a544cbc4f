#pragma once

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "loadtest/console/run_options.h"
#include "loadtest/quality/comparison.h"

namespace roberta::loadtest::console {

/// What is known about the texts of a series: their labels, and each profile's answers to the texts sent alone.
class KnownAnswers {
 public:
  /// `classes` must outlive this.
  KnownAnswers(const RunOptions& options, const std::vector<workload::RequestClass>& classes);

  /// Progress: `done` of `total` texts of a profile. Returning false stops.
  using GoOn = std::function<bool(const std::string& profile, size_t done, size_t total)>;
  /// Sends each text alone to every one of `profiles`, and to baseline if `server` has it READY; does nothing if the
  /// options say so. Cancelled if `go_on` stops it, Unavailable if the server is gone.
  absl::Status AskAll(const std::vector<std::string>& profiles, const record::ServerDescription& server,
                      const quality::Ask& ask, const GoOn& go_on);

  /// The reference for a profile's answers, which this must outlive; AskAll makes it invalid.
  quality::Reference ReferenceOf(const std::string& profile) const;
  /// What is not known about a profile's answers, and why; empty if everything is.
  std::string MissingOf(const std::string& profile) const;

 private:
  const quality::AloneLabels* Find(const std::string& profile) const;
  std::string NameOf(const std::string& profile) const;  ///< the default's for ""

  const bool asks_;
  const quality::DistinctTexts texts_;
  const std::vector<std::string> expected_;
  std::string default_profile_;
  std::map<std::string, quality::AloneLabels> alone_;  // by profile
};

}  // namespace roberta::loadtest::console
