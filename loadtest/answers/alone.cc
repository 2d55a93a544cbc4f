#include "loadtest/answers/alone.h"

#include <utility>

namespace roberta::answers {

namespace {

struct Label {
  std::string name;
  int index = 0;
};

/// The label of an answer to one text.
absl::StatusOr<Label> LabelOf(const absl::StatusOr<v1::ClassifyResponse>& response) {
  if (!response.ok()) return response.status();
  if (response->results_size() != 1 || !response->results(0).has_classification()) {
    return absl::InternalError("the answer has no classification");
  }
  const v1::Classification& classification = response->results(0).classification();
  return Label{classification.label(), static_cast<int>(classification.index())};
}

}  // namespace

absl::StatusOr<AloneLabels> AskAlone(const DistinctTexts& texts, const std::string& profile, const Ask& ask,
                                     const std::function<bool(size_t)>& go_on) {
  AloneLabels alone;
  std::vector<Label> labels;
  for (v1::ClassifyRequest request : texts.requests()) {
    if (!go_on(labels.size())) return absl::CancelledError("stopped");
    request.set_profile(profile);
    absl::StatusOr<Label> label = LabelOf(ask(request));
    if (absl::IsUnavailable(label.status())) return label.status();
    if (!label.ok()) {
      if (alone.unanswered++ == 0) alone.why_unanswered = std::string(label.status().message());
    }
    labels.push_back(label.ok() ? *std::move(label) : Label());
  }
  for (const size_t place : texts.request_of_text()) {
    const Label label = place == DistinctTexts::kNotAsked ? Label() : labels[place];
    alone.of_text.push_back(label.name);
    alone.index_of_text.push_back(label.index);
  }
  return alone;
}

}  // namespace roberta::answers
