#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"

namespace roberta::checkpoint {

/// One thing that is wrong with a checkpoint, in a file of it.
struct Problem {
  std::string file;
  std::string text;  ///< names the field or tensor and its value; one line
  absl::StatusCode code = absl::StatusCode::kInvalidArgument;
};

/// "file: text".
std::string ProblemLine(const Problem& problem);

/// All of them in one line: each file named once, every problem spelled out up to 1,000, the others counted. The code
/// is the first problem's; OK if there is none.
absl::Status ProblemsToStatus(const std::vector<Problem>& problems);

}  // namespace roberta::checkpoint
