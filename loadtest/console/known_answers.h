#pragma once

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "loadtest/answers/comparison.h"
#include "loadtest/console/run_options.h"

namespace roberta::console {

/// What the texts of a series are known to be: their labels, and what each profile answers to them alone.
class KnownAnswers {
 public:
  /// `classes` must outlive this.
  KnownAnswers(const RunOptions& options, const std::vector<workload::RequestClass>& classes);

  /// How far: `done` of `total` texts of a profile. False ends it.
  using GoOn = std::function<bool(const std::string& profile, size_t done, size_t total)>;
  /// Asks every one of `profiles`, and baseline where `server` has it READY, for each text alone; nothing if the
  /// options say so. Cancelled if `go_on` ends it, Unavailable if the server is gone.
  absl::Status AskAll(const std::vector<std::string>& profiles, const record::ServerDescription& server,
                      const answers::Ask& ask, const GoOn& go_on);

  /// Of a profile's answers. Stays valid as long as this, if no more is asked.
  const answers::Reference& ReferenceOf(const std::string& profile);
  /// What cannot be told of a profile's answers, and why; empty: nothing.
  std::string MissingOf(const std::string& profile) const;

 private:
  const answers::AloneLabels* Find(const std::string& profile) const;
  std::string NameOf(const std::string& profile) const;  ///< the default's for ""

  const bool asks_;
  const answers::DistinctTexts texts_;
  const std::vector<std::string> expected_;
  std::string default_profile_;
  std::map<std::string, answers::AloneLabels> alone_;     // by profile
  std::map<std::string, answers::Reference> references_;  // by profile
};

}  // namespace roberta::console
