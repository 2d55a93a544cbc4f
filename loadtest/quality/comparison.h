#pragma once

#include <string>
#include <vector>

#include "loadtest/quality/alone.h"
#include "loadtest/record/run_record.h"
#include "loadtest/workload/request_mix.h"

namespace roberta::loadtest::quality {

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

}  // namespace roberta::loadtest::quality
