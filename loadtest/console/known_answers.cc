#include "loadtest/console/known_answers.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

namespace roberta::loadtest::console {

namespace {

using record::kAuto;
using record::kBaseline;
using record::kReady;

bool HasReady(const record::ServerDescription& server, const std::string& profile) {
  return std::any_of(server.profiles.begin(), server.profiles.end(),
                     [&](const auto& one) { return one.name == profile && one.state == kReady; });
}

}  // namespace

KnownAnswers::KnownAnswers(const RunOptions& options, const std::vector<workload::RequestClass>& classes)
    : asks_(!options.no_quality),
      texts_(classes, options.quality_texts, options.seed),
      expected_(quality::ExpectedLabels(classes)) {}

std::string KnownAnswers::NameOf(const std::string& profile) const {
  return profile.empty() ? default_profile_ : profile;
}

absl::Status KnownAnswers::AskAll(const std::vector<std::string>& profiles, const record::ServerDescription& server,
                                  const quality::Ask& ask, const GoOn& go_on) {
  default_profile_ = server.default_profile;
  if (!asks_) return absl::OkStatus();
  std::vector<std::string> wanted = profiles;
  if (HasReady(server, kBaseline)) wanted.emplace_back(kBaseline);
  for (const std::string& profile : wanted) {
    const std::string name = NameOf(profile);
    if (name == kAuto || alone_.count(name) > 0) continue;
    auto alone = AskAlone(texts_, name, ask, [&](size_t done) { return go_on(name, done, texts_.requests().size()); });
    if (!alone.ok()) return alone.status();
    alone_[name] = *std::move(alone);
  }
  return absl::OkStatus();
}

const quality::AloneLabels* KnownAnswers::Find(const std::string& profile) const {
  const auto found = alone_.find(NameOf(profile));
  return found == alone_.end() ? nullptr : &found->second;
}

quality::Reference KnownAnswers::ReferenceOf(const std::string& profile) const {
  return {expected_, Find(profile), Find(kBaseline)};
}

std::string KnownAnswers::MissingOf(const std::string& profile) const {
  std::vector<std::string> missing;
  if (expected_.empty()) missing.emplace_back("accuracy: the texts have no labels");
  if (!asks_) {
    missing.emplace_back("flips and agreement: not asked for (--no-quality)");
    return absl::StrJoin(missing, "; ");
  }
  const quality::AloneLabels* const own = Find(profile);
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

}  // namespace roberta::loadtest::console
