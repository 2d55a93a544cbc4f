#include "loadtest/quality/comparison.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <random>
#include <unordered_map>
#include <utility>

#include "absl/strings/str_join.h"
#include "profiles/errors/errors.h"

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

constexpr size_t kBins = 15;

/// Bins are closed above: (0, 1/15] and so on, and 0 in the first one. As the server's quality metrics have it.
size_t BinOf(double probability) {
  return static_cast<size_t>(std::clamp(std::ceil(probability * kBins), 1.0, static_cast<double>(kBins))) - 1;
}

/// "" beyond the end, as where no label is known.
const std::string& At(const std::vector<std::string>& labels, uint32_t text) {
  static const std::string kUnknown;
  return text < labels.size() ? labels[text] : kUnknown;
}

bool IsLabel(const std::string& expected, const std::string& name, int index) {
  return expected == name || expected == std::to_string(index);
}

using record::kAuto;
using record::kBaseline;
using record::kReady;

bool HasReady(const record::ServerDescription& server, const std::string& profile) {
  return std::ranges::any_of(server.profiles,
                             [&](const auto& one) { return one.name == profile && one.state == kReady; });
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

std::vector<std::string> ExpectedLabels(const std::vector<workload::RequestClass>& classes) {
  std::vector<std::string> labels;
  for (const workload::RequestClass& one : classes) {
    const size_t first = labels.size();
    labels.insert(labels.end(), one.labels.begin(), one.labels.end());
    labels.resize(first + one.items.size());
  }
  const bool any = std::ranges::any_of(labels, [](const std::string& label) { return !label.empty(); });
  return any ? labels : std::vector<std::string>();
}

void AddAlone(const Reference& reference, record::Quality* quality) {
  if (reference.own == nullptr) return;
  for (uint32_t text = 0; text < reference.own->of_text.size(); ++text) {
    const std::string& label = reference.own->of_text[text];
    if (label.empty()) continue;
    const std::string& expected = At(reference.expected, text);
    const bool correct = !expected.empty() && IsLabel(expected, label, reference.own->index_of_text[text]);
    quality->texts_labelled += !expected.empty();
    quality->texts_correct += correct;
    if (reference.of_baseline == nullptr) continue;
    const std::string& of_baseline = At(reference.of_baseline->of_text, text);
    if (of_baseline.empty()) continue;
    ++quality->texts_compared;
    quality->texts_agreed += label == of_baseline;
    if (expected.empty() || reference.own == reference.of_baseline) continue;
    const bool baseline_correct = IsLabel(expected, of_baseline, reference.of_baseline->index_of_text[text]);
    ++quality->texts_paired;
    quality->texts_only_correct += correct && !baseline_correct;
    quality->texts_only_baseline_correct += baseline_correct && !correct;
  }
}

Comparison::Comparison(const Reference& reference) : reference_(reference) {
  if (!reference.expected.empty()) quality_.calibration.resize(kBins);
}

void Comparison::Add(const workload::Request& request, const v1::ClassifyResponse& response) {
  const auto count = std::min(request.texts.size(), static_cast<size_t>(response.results_size()));
  for (size_t i = 0; i < count; ++i) {
    const v1::ItemResult& result = response.results(static_cast<int>(i));
    if (result.has_classification()) AddText(request.texts[i], result.classification());
  }
}

void Comparison::AddText(uint32_t text, const v1::Classification& classification) {
  if (const std::string& expected = At(reference_.expected, text); !expected.empty()) {
    AddLabelled(expected, classification);
  }
  const auto known = [&](const AloneLabels* labels) { return labels != nullptr && !At(labels->of_text, text).empty(); };
  if (known(reference_.own)) {
    ++quality_.alone_compared;
    quality_.alone_flips += reference_.own->of_text[text] != classification.label();
  }
  if (known(reference_.of_baseline)) {
    ++quality_.baseline_compared;
    quality_.baseline_agreed += reference_.of_baseline->of_text[text] == classification.label();
  }
}

void Comparison::AddLabelled(const std::string& expected, const v1::Classification& classification) {
  const bool correct = IsLabel(expected, classification.label(), static_cast<int>(classification.index()));
  ++quality_.labelled;
  quality_.correct += correct;
  const double probability = classification.score();
  if (!(probability >= 0 && probability <= 1)) return;  // the model scores, it does not estimate probabilities
  record::Quality::CalibrationBin& bin = quality_.calibration[BinOf(probability)];
  ++bin.count;
  bin.correct += correct;
  bin.probability_sum += probability;
}

KnownAnswers::KnownAnswers(const std::vector<workload::RequestClass>& classes, std::optional<size_t> most_texts,
                           uint64_t seed)
    : asks_(most_texts.has_value()),
      texts_(classes, most_texts.value_or(0), seed),
      expected_(ExpectedLabels(classes)) {}

std::string KnownAnswers::NameOf(const std::string& profile) const {
  return profile.empty() ? default_profile_ : profile;
}

absl::Status KnownAnswers::AskAll(const std::vector<std::string>& profiles, const record::ServerDescription& server,
                                  const Ask& ask, const GoOn& go_on) {
  default_profile_ = server.default_profile;
  if (!asks_) return absl::OkStatus();
  std::vector<std::string> wanted = profiles;
  if (HasReady(server, kBaseline)) wanted.emplace_back(kBaseline);
  for (const std::string& profile : wanted) {
    const std::string name = NameOf(profile);
    if (name == kAuto || alone_.count(name) > 0) continue;
    ASSIGN_OR_RETURN(alone_[name], AskAlone(texts_, name, ask,
                                            [&](size_t done) { return go_on(name, done, texts_.requests().size()); }));
  }
  return absl::OkStatus();
}

const AloneLabels* KnownAnswers::Find(const std::string& profile) const {
  const auto found = alone_.find(NameOf(profile));
  return found == alone_.end() ? nullptr : &found->second;
}

Reference KnownAnswers::ReferenceOf(const std::string& profile) const {
  return {expected_, Find(profile), Find(kBaseline)};
}

std::string KnownAnswers::MissingOf(const std::string& profile) const {
  std::vector<std::string> missing;
  if (expected_.empty()) missing.emplace_back("accuracy: the texts have no labels");
  if (!asks_) {
    missing.emplace_back("flips and agreement: not asked for (--no-quality)");
    return absl::StrJoin(missing, "; ");
  }
  const AloneLabels* const own = Find(profile);
  if (NameOf(profile) == kAuto) missing.emplace_back("flips: auto is answered by any profile");
  if (Find(kBaseline) == nullptr) missing.emplace_back("agreement: the server has no baseline that is READY");
  if (texts_.requests().size() < texts_.distinct()) {
    missing.push_back(absl::StrCat("flips and agreement: only of ", texts_.requests().size(), " of ", texts_.distinct(),
                                   " texts, drawn at random"));
  }
  if (own != nullptr && own->unanswered > 0) {
    missing.push_back(
        absl::StrCat("flips: ", own->unanswered, " texts had no answer alone, the first: ", own->why_unanswered));
  }
  return absl::StrJoin(missing, "; ");
}

}  // namespace roberta::loadtest::quality
