#include "loadtest/report/profile_runs.h"

#include <algorithm>
#include <set>

#include "absl/strings/str_cat.h"
#include "loadtest/report/presentation.h"

namespace roberta::loadtest::report {

namespace {

/// What tells apart runs of the same profile: everything about how and where they ran that differs within the records.
std::string Place(const RunRecord& run, bool hosts, bool models, bool versions) {
  std::string place;
  if (!run.settings.variant.empty()) absl::StrAppend(&place, ", ", run.settings.variant);
  if (models) absl::StrAppend(&place, ", ", run.server.model, " ", run.server.model_revision.substr(0, 8));
  if (hosts) absl::StrAppend(&place, ", ", run.environment.cpu_model);
  if (versions) {
    absl::StrAppend(&place, ", ", run.environment.program_version, " ", run.environment.program_commit.substr(0, 8));
  }
  return place;
}

template <typename Key>
bool Differ(const RunPointers& runs, const Key& key) {
  std::set<std::string> seen;
  for (const RunRecord* run : runs) seen.insert(key(*run));
  return seen.size() > 1;
}

const record::ServerDescription::Profile* DescriptionOf(const RunRecord& run, const std::string& profile) {
  for (const auto& description : run.server.profiles) {
    if (description.name == profile) return &description;
  }
  return nullptr;
}

void AddRun(const RunRecord& run, ProfileRuns* runs) {
  const Load load = LoadOf(run);
  auto place = std::ranges::find_if(runs->loads, [&](const Repeats& r) { return !(r.load < load); });
  if (place == runs->loads.end() || place->load != load) place = runs->loads.insert(place, {load, {}});
  place->runs.push_back(&run);
}

/// The baseline first, and of several the one that is nothing else beside.
void Order(std::vector<ProfileRuns>* sorted) {
  const auto rank = [](const ProfileRuns& runs) {
    return runs.profile != kBaseline ? 2 : runs.variant.empty() ? 0 : 1;
  };
  std::ranges::stable_sort(*sorted, {}, rank);
}

double MedianOf(const Repeats& repeats, const RunFigure& figure) {
  return Median(repeats.Of(figure)).value_or(0);
}

bool AllKeptUp(const Repeats& repeats) {
  return std::ranges::all_of(repeats.runs, [](const RunRecord* run) { return KeptUp(*run); });
}

/// The loads at which each of `profiles` was run, the lightest first.
std::vector<Load> LoadsOfAll(const std::vector<const ProfileRuns*>& profiles) {
  std::vector<Load> loads;
  if (profiles.empty()) return loads;
  for (const Repeats& repeats : profiles.front()->loads) {
    const bool of_all =
        std::ranges::all_of(profiles, [&](const ProfileRuns* runs) { return runs->At(repeats.load) != nullptr; });
    if (of_all) loads.push_back(repeats.load);
  }
  return loads;
}

}  // namespace

RunFigure LatencyAt(double quantile) {
  return [=](const RunRecord& run) { return LatencyMs(run, quantile); };
}

std::optional<double> Median(const std::optional<Spread>& spread) {
  return spread ? std::optional(spread->median) : std::nullopt;
}

std::optional<Spread> Repeats::Of(const RunFigure& figure) const {
  std::vector<double> values;
  for (const RunRecord* run : runs) {
    if (const std::optional<double> value = figure(*run)) values.push_back(*value);
  }
  return SpreadOf(std::move(values));
}

const Repeats* ProfileRuns::At(const Load& load) const {
  const auto found = std::ranges::find(loads, load, &Repeats::load);
  return found == loads.end() ? nullptr : &*found;
}

std::optional<double> WeightMib(const ProfileRuns& runs) {
  constexpr double kMib = 1 << 20;
  if (runs.description == nullptr || runs.description->weight_bytes <= 0) return std::nullopt;
  return static_cast<double>(runs.description->weight_bytes) / kMib;
}

std::vector<ProfileRuns> Sort(const RunPointers& runs) {
  const bool hosts = Differ(runs, [](const RunRecord& r) { return r.environment.cpu_model; });
  const bool models = Differ(runs, [](const RunRecord& r) { return r.server.model + r.server.model_revision; });
  const bool versions =
      Differ(runs, [](const RunRecord& r) { return r.environment.program_version + r.environment.program_commit; });
  std::vector<ProfileRuns> sorted;
  for (const RunRecord* pointer : runs) {
    const RunRecord& run = *pointer;
    const std::string profile = ProfileOf(run), label = profile + Place(run, hosts, models, versions);
    auto found = std::ranges::find(sorted, label, &ProfileRuns::label);
    if (found == sorted.end()) {
      sorted.push_back({.profile = profile,
                        .variant = run.settings.variant,
                        .label = label,
                        .style = {},
                        .loads = {},
                        .description = DescriptionOf(run, profile)});
      found = sorted.end() - 1;
    }
    AddRun(run, &*found);
  }
  Order(&sorted);
  std::set<std::string> styled;
  for (size_t i = 0; i < sorted.size(); ++i) {
    // The second of the same profile looks otherwise.
    const bool again = !styled.insert(sorted[i].profile).second;
    sorted[i].style = StyleOf(again ? "" : sorted[i].profile, i);
  }
  return sorted;
}

const ProfileRuns* FindBaseline(const std::vector<ProfileRuns>& sorted) {
  return !sorted.empty() && sorted.front().profile == kBaseline ? &sorted.front() : nullptr;
}

const Repeats& Busiest(const ProfileRuns& runs) {
  return *std::ranges::max_element(runs.loads, [](const Repeats& a, const Repeats& b) {
    return MedianOf(a, AnswersPerSecond) < MedianOf(b, AnswersPerSecond);
  });
}

const Repeats* AtFullLoad(const ProfileRuns& runs) {
  const Repeats* full = nullptr;
  for (const Repeats& repeats : runs.loads) {
    if (AllKeptUp(repeats)) continue;
    if (full == nullptr || MedianOf(repeats, TextsPerSecond) > MedianOf(*full, TextsPerSecond)) full = &repeats;
  }
  return full;
}

std::optional<Load> SharedLoad(const std::vector<const ProfileRuns*>& profiles) {
  std::optional<Load> kept_up, closed, open;
  for (const Load& load : LoadsOfAll(profiles)) {  // the lightest first, so the last one counts
    (load.open ? open : closed) = load;
    const bool all_kept_up =
        std::ranges::all_of(profiles, [&](const ProfileRuns* runs) { return AllKeptUp(*runs->At(load)); });
    if (all_kept_up) kept_up = load;
  }
  return kept_up ? kept_up : closed ? closed : open;
}

std::optional<Load> LightestLoad(const std::vector<const ProfileRuns*>& profiles) {
  for (const Load& load : LoadsOfAll(profiles)) {
    if (!load.open) return load;
  }
  return std::nullopt;
}

RunPointers RunsOf(const std::vector<ProfileRuns>& sorted) {
  RunPointers all;
  for (const ProfileRuns& runs : sorted) {
    for (const Repeats& repeats : runs.loads) all.insert(all.end(), repeats.runs.begin(), repeats.runs.end());
  }
  return all;
}

}  // namespace roberta::loadtest::report
