#include "loadtest/stats/tally.h"

#include <numeric>

#include "absl/strings/str_cat.h"

namespace roberta::loadtest::stats {

Outcome OutcomeOf(absl::StatusCode code) {
  switch (code) {
    case absl::StatusCode::kOk:
      return Outcome::kAnswered;
    case absl::StatusCode::kResourceExhausted:
      return Outcome::kRefused;
    case absl::StatusCode::kUnavailable:
      return Outcome::kUnavailable;
    case absl::StatusCode::kDeadlineExceeded:
      return Outcome::kExpired;
    case absl::StatusCode::kCancelled:
      return Outcome::kCancelled;
    default:
      return Outcome::kFailed;
  }
}

std::string_view OutcomeName(Outcome outcome) {
  constexpr std::string_view kNames[] = {"answered", "refused", "unavailable", "expired", "cancelled", "failed"};
  return kNames[static_cast<size_t>(outcome)];
}

void PhaseSums::Add(const v1::Phases& phases) {
  Merge({1, phases.tokenize_ns(), phases.queue_ns(), phases.form_ns(), phases.infer_ns(), phases.post_ns(),
         phases.total_ns()});
}

void PhaseSums::Merge(const PhaseSums& other) {
  calls += other.calls;
  for (const auto& [name, ns] : kPhases) this->*ns += other.*ns;
  total_ns += other.total_ns;
}

void Tally::Add(const Sample& sample, int64_t objective_ns) {
  const Outcome outcome = OutcomeOf(sample.code);
  ++outcomes[static_cast<size_t>(outcome)];
  ++codes[sample.code];
  lateness.Add(sample.sent_ns - sample.ready_ns);
  if (outcome == Outcome::kRefused) refused_from_sent.Add(sample.received_ns - sample.sent_ns);
  if (outcome != Outcome::kAnswered) return;
  const int64_t felt_ns = sample.received_ns - sample.intended_ns;
  answered_from_intended.Add(felt_ns);
  answered_from_sent.Add(sample.received_ns - sample.sent_ns);
  good += felt_ns <= objective_ns;
  if (sample.response == nullptr) return;
  for (const v1::ItemResult& result : sample.response->results()) {
    ++items;
    failed_items += !result.has_classification();
    tokens += result.classification().token_count();
  }
  batch_items += sample.response->batch_items();
  ++profiles_used[sample.response->profile_used()];
  phases.Add(sample.response->phases());
}

void Tally::Merge(const Tally& other) {
  sent += other.sent;
  for (size_t i = 0; i < kOutcomes; ++i) outcomes[i] += other.outcomes[i];
  for (const auto& [code, count] : other.codes) codes[code] += count;
  good += other.good;
  items += other.items;
  failed_items += other.failed_items;
  tokens += other.tokens;
  batch_items += other.batch_items;
  for (const auto& [profile, count] : other.profiles_used) profiles_used[profile] += count;
  answered_from_intended.Merge(other.answered_from_intended);
  answered_from_sent.Merge(other.answered_from_sent);
  refused_from_sent.Merge(other.refused_from_sent);
  lateness.Merge(other.lateness);
  phases.Merge(other.phases);
}

int64_t Tally::ended() const {
  return std::accumulate(outcomes.begin(), outcomes.end(), int64_t{0});
}

absl::Status Tally::CheckBooks() const {
  int64_t coded = 0;
  for (const auto& [code, count] : codes) coded += count;
  if (sent == ended() && sent == coded) return absl::OkStatus();
  return absl::InternalError(absl::StrCat("the books do not balance: ", sent, " requests sent, ", ended(),
                                          " outcomes, ", coded, " status codes"));
}

}  // namespace roberta::loadtest::stats
