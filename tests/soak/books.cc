#include "tests/soak/books.h"

#include <algorithm>
#include <cstring>

#include "absl/strings/str_cat.h"

namespace roberta::soak {

namespace {

constexpr size_t kMostSentences = 10;

/// Classify calls that the server booked in between: of calls that name kGivenUp, or of all others.
std::map<std::string, int64_t> Booked(const loadtest::target::MetricsPage& before,
                                      const loadtest::target::MetricsPage& after, bool given_up) {
  std::map<std::string, int64_t> counts;
  const auto add = [&](const loadtest::target::MetricsPage& page, int64_t sign) {
    for (const auto& [labels, value] : page.SeriesOf("roberta_requests_total")) {
      if (labels.at("method") != "Classify") continue;
      const std::string& code = labels.at("code");
      // A call that was given up before it got its profile has none, but no other call has these codes.
      const bool early = labels.at("profile") == "none" &&
                         (code == "CANCELLED" || code == "DEADLINE_EXCEEDED" || code == "RESOURCE_EXHAUSTED");
      if ((labels.at("profile") == kGivenUp || early) != given_up) continue;
      counts[code] += sign * static_cast<int64_t>(value);
    }
  };
  add(after, 1);
  add(before, -1);
  return counts;
}

int64_t SumOf(const std::map<std::string, int64_t>& counts) {
  int64_t sum = 0;
  for (const auto& [code, count] : counts) sum += count;
  return sum;
}

}  // namespace

void Books::Sent() {
  const std::lock_guard<std::mutex> lock(mutex_);
  ++sent_;
}

void Books::Ended(const RandomCall& call, const client::Answer& answer) {
  const std::lock_guard<std::mutex> lock(mutex_);
  ++ended_;
  ++(call.MayBeGivenUp() ? given_up_ : kept_)[answer.status.code()];
  if (!call.expected.contains(answer.status.code())) {
    return BreakLocked(absl::StrCat("a call (", std::string(KindName(call.kind)), ", ", call.profile, ") ended with ",
                                    answer.status.ToString()));
  }
  if (!answer.status.ok()) return;
  const size_t results = call.texts.size() + (call.kind == Kind::kPartial ? 1 : 0);
  if (static_cast<size_t>(answer.response.results_size()) != results) {
    return BreakLocked(absl::StrCat(results, " items had ", answer.response.results_size(), " results"));
  }
  if (answer.response.profile_used() != call.profile) {
    return BreakLocked(absl::StrCat(call.profile, " was asked, ", answer.response.profile_used(), " answered"));
  }
  if (call.profile == kExact && !alone_.empty()) CompareLogitsLocked(call, answer.response);
}

void Books::CompareLogitsLocked(const RandomCall& call, const v1::ClassifyResponse& response) {
  for (size_t i = 0; i < call.texts.size(); ++i) {
    const auto& logits = response.results(static_cast<int>(i)).classification().logits();
    const std::vector<float>& alone = alone_[call.texts[i]];
    ++compared_;
    if (static_cast<size_t>(logits.size()) != alone.size() ||
        std::memcmp(logits.data(), alone.data(), alone.size() * sizeof(float)) != 0) {
      BreakLocked(
          absl::StrCat("text ", call.texts[i], " has other logits than alone, in a batch of ", response.batch_items()));
    }
  }
}

void Books::BreakLocked(const std::string& what) {
  if (broken_.size() < kMostSentences) {
    broken_.push_back(what);
  } else {
    ++more_broken_;
  }
}

std::vector<std::string> Books::Broken() const {
  const std::lock_guard<std::mutex> lock(mutex_);
  std::vector<std::string> broken;
  if (sent_ != ended_) broken.push_back(absl::StrCat(sent_, " calls were sent and ", ended_, " ended"));
  broken.insert(broken.end(), broken_.begin(), broken_.end());
  if (more_broken_ > 0) broken.push_back(absl::StrCat("... and ", more_broken_, " more"));
  return broken;
}

int64_t Books::sent() const {
  const std::lock_guard<std::mutex> lock(mutex_);
  return sent_;
}

int64_t Books::compared() const {
  const std::lock_guard<std::mutex> lock(mutex_);
  return compared_;
}

std::map<std::string, int64_t> Books::ByCode() const {
  const std::lock_guard<std::mutex> lock(mutex_);
  std::map<std::string, int64_t> counts;
  for (const auto& [code, count] : kept_) counts[absl::StatusCodeToString(code)] += count;
  for (const auto& [code, count] : given_up_) counts[absl::StatusCodeToString(code)] += count;
  return counts;
}

absl::Status Books::CompareWith(const loadtest::target::MetricsPage& before,
                                const loadtest::target::MetricsPage& after) const {
  const std::lock_guard<std::mutex> lock(mutex_);
  std::map<std::string, int64_t> booked = Booked(before, after, false);
  std::erase_if(booked, [](const auto& entry) { return entry.second == 0; });
  std::map<std::string, int64_t> kept;
  for (const auto& [code, count] : kept_) kept[absl::StatusCodeToString(code)] = count;
  for (const auto& [code, count] : kept) {
    if (booked[code] != count) {
      return absl::DataLossError(
          absl::StrCat("the client counts ", count, " calls of ", code, ", the server ", booked[code]));
    }
  }
  if (SumOf(booked) != SumOf(kept)) {
    return absl::DataLossError(absl::StrCat("the client counts ", SumOf(kept), " calls, the server ", SumOf(booked)));
  }
  std::map<std::string, int64_t> doubtful = Booked(before, after, true);
  int64_t given_up = 0;
  for (const auto& [code, count] : given_up_) given_up += count;
  const auto answered = given_up_.find(absl::StatusCode::kOk);
  if (SumOf(doubtful) > given_up || (answered != given_up_.end() && doubtful["OK"] < answered->second)) {
    return absl::DataLossError(absl::StrCat("of ", given_up, " calls that could be given up the server counts ",
                                            SumOf(doubtful), ", of them answered ", doubtful["OK"]));
  }
  return absl::OkStatus();
}

}  // namespace roberta::soak
