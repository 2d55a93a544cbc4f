#pragma once

#include <functional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "loadtest/answers/distinct_texts.h"

namespace roberta::answers {

/// What a profile answers to each text that is sent alone, while nothing else is asked of it.
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

}  // namespace roberta::answers
