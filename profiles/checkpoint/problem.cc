#include "profiles/checkpoint/problem.h"

#include "absl/strings/str_cat.h"

namespace roberta::checkpoint {
namespace {

// More tensors than any RoBERTa has; a bound all the same, as a hostile file could name millions.
constexpr size_t kProblemsSpelledOut = 1000;

}  // namespace

std::string ProblemLine(const Problem& problem) {
  return absl::StrCat(problem.file, ": ", problem.text);
}

absl::Status ProblemsToStatus(const std::vector<Problem>& problems) {
  if (problems.empty()) return absl::OkStatus();
  std::string line;
  for (size_t i = 0; i < problems.size() && i < kProblemsSpelledOut; ++i) {
    const bool same_file = i > 0 && problems[i].file == problems[i - 1].file;
    absl::StrAppend(&line, i > 0 ? "; " : "", same_file ? problems[i].text : ProblemLine(problems[i]));
  }
  if (problems.size() > kProblemsSpelledOut) {
    absl::StrAppend(&line, "; and ", problems.size() - kProblemsSpelledOut,
                    " more (roberta-model inspect lists all of them)");
  }
  return absl::Status(problems.front().code, line);
}

}  // namespace roberta::checkpoint
