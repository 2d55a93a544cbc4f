#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "loadtest/record/run_record.h"
#include "loadtest/workload/workload.h"

namespace roberta::loadtest::quality {

/// The texts of a workload, each once, as requests of one text; of very many a sample. Texts have the numbers that
/// workload::Request gives them.
class DistinctTexts {
 public:
  /// At most `most` of them, those beyond drawn at random by `seed`.
  DistinctTexts(const std::vector<workload::RequestClass>& classes, size_t most, uint64_t seed);

  /// One request for each distinct text, with its class's settings but without a profile.
  const std::vector<v1::ClassifyRequest>& requests() const { return requests_; }
  size_t distinct() const { return distinct_; }  ///< in the workload; more than requests() if these are a sample

  /// The place of a text's request in requests(), by the text's number; kNotAsked if it is not in the sample.
  const std::vector<size_t>& request_of_text() const { return request_of_text_; }
  static constexpr size_t kNotAsked = SIZE_MAX;

 private:
  std::vector<v1::ClassifyRequest> requests_;
  std::vector<size_t> request_of_text_;
  size_t distinct_ = 0;
};

/// A profile's answers to the texts, each sent alone while the profile has no other requests.
struct AloneLabels {
  std::vector<std::string> of_text;  ///< by the text's number; "": it was not asked, or had no answer
  std::vector<int> index_of_text;    ///< the labels' indices, by the text's number; of what is "" meaningless
  size_t unanswered = 0;             ///< of the texts that were asked
  std::string why_unanswered;        ///< the first one's status
};

/// Sends a request and waits for its answer.
using Ask = std::function<absl::StatusOr<v1::ClassifyResponse>(const v1::ClassifyRequest&)>;

/// Asks `profile` ("": the server's default) for each of `texts`, one after the other. `go_on` is called before each
/// with the number done; false ends it: Cancelled. Unavailable if the server is gone. A text without an answer for any
/// other reason is counted and has no label.
absl::StatusOr<AloneLabels> AskAlone(const DistinctTexts& texts, const std::string& profile, const Ask& ask,
                                     const std::function<bool(size_t)>& go_on);

/// What answers are compared with. Empty vectors, empty labels and nullptr: not known.
struct Reference {
  std::vector<std::string> expected;         ///< labels by the text's number: names or indices
  const AloneLabels* own = nullptr;          ///< of the profile that answers
  const AloneLabels* of_baseline = nullptr;  ///< of the profile called baseline
};

/// The labels that came with the texts of `classes`, by the texts' numbers; empty if there are none.
std::vector<std::string> ExpectedLabels(const std::vector<workload::RequestClass>& classes);

/// Adds the profile's answers to the texts sent alone to `quality`, if they are known.
void AddAlone(const Reference& reference, record::Quality* quality);

/// Compares the answers of a run with the labels that the texts came with, got alone, and got from baseline. One thread
/// at a time; takes well below a microsecond a text, since it runs between the requests that are measured.
class Comparison {
 public:
  /// `reference` must outlive this.
  explicit Comparison(const Reference& reference);

  void Add(const workload::Request& request, const v1::ClassifyResponse& response);

  /// `missing` is empty.
  const record::Quality& quality() const { return quality_; }

 private:
  void AddText(uint32_t text, const v1::Classification& classification);
  void AddLabelled(const std::string& expected, const v1::Classification& classification);

  const Reference& reference_;
  record::Quality quality_;
};

/// What is known about the texts of a series: their labels, and each profile's answers to the texts sent alone.
class KnownAnswers {
 public:
  /// `most_texts`: as DistinctTexts has it; without it, nothing is asked.
  KnownAnswers(const std::vector<workload::RequestClass>& classes, std::optional<size_t> most_texts, uint64_t seed);

  /// Progress: `done` of `total` texts of a profile. Returning false stops.
  using GoOn = std::function<bool(const std::string& profile, size_t done, size_t total)>;
  /// Sends each text alone to every one of `profiles`, and to baseline if `server` has it READY. Cancelled if `go_on`
  /// stops it, Unavailable if the server is gone.
  absl::Status AskAll(const std::vector<std::string>& profiles, const record::ServerDescription& server, const Ask& ask,
                      const GoOn& go_on);

  /// The reference for a profile's answers, which this must outlive; AskAll makes it invalid.
  Reference ReferenceOf(const std::string& profile) const;
  /// What is not known about a profile's answers, and why; empty if everything is.
  std::string MissingOf(const std::string& profile) const;

 private:
  const AloneLabels* Find(const std::string& profile) const;
  std::string NameOf(const std::string& profile) const;  ///< the default's for ""

  const bool asks_;
  const DistinctTexts texts_;
  const std::vector<std::string> expected_;
  std::string default_profile_;
  std::map<std::string, AloneLabels> alone_;  // by profile
};

}  // namespace roberta::loadtest::quality
