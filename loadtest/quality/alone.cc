#include "loadtest/quality/alone.h"

#include <algorithm>
#include <numeric>
#include <random>
#include <unordered_map>
#include <utility>

namespace roberta::loadtest::quality {

namespace {

/// `count` of the numbers below `of`, in ascending order.
std::vector<size_t> Sample(size_t count, size_t of, uint64_t seed) {
  std::vector<size_t> all(of), sample;
  std::iota(all.begin(), all.end(), size_t{0});
  std::mt19937_64 random(seed);
  std::sample(all.begin(), all.end(), std::back_inserter(sample), count, random);
  return sample;
}

}  // namespace

DistinctTexts::DistinctTexts(const std::vector<workload::RequestClass>& classes, size_t most, uint64_t seed) {
  std::unordered_map<std::string, size_t> place_of_wire;
  for (const workload::RequestClass& one : classes) {
    for (const v1::Item& item : one.items) {
      v1::ClassifyRequest request = one.settings;
      request.clear_profile();
      *request.add_items() = item;
      const auto [found, is_new] = place_of_wire.emplace(request.SerializeAsString(), requests_.size());
      if (is_new) requests_.push_back(std::move(request));
      request_of_text_.push_back(found->second);
    }
  }
  distinct_ = requests_.size();
  if (distinct_ <= most) return;
  std::vector<size_t> new_place(distinct_, kNotAsked);
  std::vector<v1::ClassifyRequest> kept;
  for (const size_t place : Sample(most, distinct_, seed)) {
    new_place[place] = kept.size();
    kept.push_back(std::move(requests_[place]));
  }
  requests_ = std::move(kept);
  for (size_t& place : request_of_text_) place = new_place[place];
}

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

}  // namespace roberta::loadtest::quality
