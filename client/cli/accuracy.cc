#include "client/cli/accuracy.h"

#include "absl/strings/str_format.h"

namespace roberta::cli {

void Accuracy::Add(const std::string& expected, const v1::Classification& classification) {
  if (expected.empty()) return;
  ++labelled_;
  correct_ += expected == classification.label() || expected == std::to_string(classification.index());
}

std::string Accuracy::Text() const {
  const double percent = labelled_ > 0 ? 100.0 * static_cast<double>(correct_) / static_cast<double>(labelled_) : 0;
  return absl::StrFormat("accuracy %.2f %% (%d of %d)", percent, correct_, labelled_);
}

}  // namespace roberta::cli
