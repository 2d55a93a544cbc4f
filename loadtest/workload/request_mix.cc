#include "loadtest/workload/request_mix.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "absl/strings/str_cat.h"

namespace roberta::loadtest::workload {

namespace {

std::vector<Request> RequestsOf(const RequestClass& made_of, size_t index, size_t first_text) {
  std::vector<Request> requests;
  const size_t step = made_of.items_per_request;
  for (size_t first = 0; first < made_of.items.size(); first += step) {
    v1::ClassifyRequest request = made_of.settings;
    // The last one is filled up from the front, so that all carry as many.
    std::vector<uint32_t> texts;
    for (size_t i = first; i < first + step; ++i) {
      const size_t item = i % made_of.items.size();
      *request.add_items() = made_of.items[item];
      texts.push_back(static_cast<uint32_t>(first_text + item));
    }
    requests.push_back({index, request.SerializeAsString(), std::move(texts)});
  }
  return requests;
}

}  // namespace

absl::StatusOr<RequestMix> RequestMix::Make(std::vector<RequestClass> classes, uint64_t seed) {
  if (classes.empty()) return absl::InvalidArgumentError("a mix of no classes");
  for (const RequestClass& one : classes) {
    if (!(one.share > 0) || !std::isfinite(one.share)) {
      return absl::InvalidArgumentError(absl::StrCat("class ", one.name, ": share ", one.share, " is not positive"));
    }
    if (one.items.empty() || one.items_per_request == 0) {
      return absl::InvalidArgumentError(absl::StrCat("class ", one.name, " has no items"));
    }
    if (!one.labels.empty() && one.labels.size() != one.items.size()) {
      return absl::InvalidArgumentError(
          absl::StrCat("class ", one.name, ": ", one.labels.size(), " labels for ", one.items.size(), " items"));
    }
  }
  return RequestMix(std::move(classes), seed);
}

RequestMix::RequestMix(std::vector<RequestClass> classes, uint64_t seed) : next_(classes.size()), random_(seed) {
  std::vector<double> shares;
  size_t first_text = 0;
  for (size_t i = 0; i < classes.size(); ++i) {
    names_.push_back(classes[i].name);
    shares.push_back(classes[i].share);
    requests_.push_back(RequestsOf(classes[i], i, first_text));
    first_text += classes[i].items.size();
    std::shuffle(requests_.back().begin(), requests_.back().end(), random_);
  }
  pick_ = std::discrete_distribution<size_t>(shares.begin(), shares.end());
}

const Request& RequestMix::Next() {
  const size_t index = pick_(random_);
  const std::vector<Request>& requests = requests_[index];
  return requests[next_[index]++ % requests.size()];
}

}  // namespace roberta::loadtest::workload
