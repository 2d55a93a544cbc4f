#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "loadtest/workload/request_mix.h"

namespace roberta::answers {

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

}  // namespace roberta::answers
