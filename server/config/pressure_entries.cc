#include "server/config/pressure_entries.h"

#include <set>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "server/config/checks.h"

namespace roberta::config {

namespace {

constexpr uint32_t kLongestMs = 3600 * 1000;

std::vector<std::string> ProfileNames(const ServerConfig& config) {
  std::vector<std::string> names;
  for (const Profile& profile : config.profiles()) names.push_back(profile.name());
  return names;
}

absl::Status CheckLadder(const ServerConfig& config) {
  const BrownOut& brown_out = config.brown_out();
  if (brown_out.enabled() && brown_out.ladder().empty()) {
    return WrongValue("brown_out.ladder", "empty", "at least one profile, or brown_out.enabled false");
  }
  std::set<std::string> seen;
  for (int i = 0; i < brown_out.ladder_size(); ++i) {
    const std::string field = absl::StrCat("brown_out.ladder[", i, "]");
    const std::string& name = brown_out.ladder(i);
    if (absl::Status known = CheckOneOf(field, name, ProfileNames(config)); !known.ok()) return known;
    if (!seen.insert(name).second) return WrongValue(field, absl::StrCat(Shown(name), " again"), "named once");
  }
  return absl::OkStatus();
}

}  // namespace

void CompleteBrownOut(BrownOut* brown_out) {
  if (!brown_out->has_enabled()) brown_out->set_enabled(false);
  if (!brown_out->has_step_down_at_ms()) brown_out->set_step_down_at_ms(500);
  if (!brown_out->has_step_down_after_ms()) brown_out->set_step_down_after_ms(1000);
  if (!brown_out->has_step_up_at_ms()) brown_out->set_step_up_at_ms(100);
  if (!brown_out->has_step_up_after_ms()) brown_out->set_step_up_after_ms(10000);
}

void CompleteShadow(Shadow* shadow) {
  if (!shadow->has_fraction()) shadow->set_fraction(0);
  if (!shadow->has_max_items_in_flight()) shadow->set_max_items_in_flight(1024);
}

absl::Status CheckBrownOut(const ServerConfig& config) {
  const BrownOut& brown_out = config.brown_out();
  const absl::Status checks[] = {
      CheckLadder(config),
      CheckRange("brown_out.step_down_at_ms", brown_out.step_down_at_ms(), 1, kLongestMs),
      CheckRange("brown_out.step_down_after_ms", brown_out.step_down_after_ms(), 1, kLongestMs),
      CheckRange("brown_out.step_up_at_ms", brown_out.step_up_at_ms(), 0, kLongestMs),
      CheckRange("brown_out.step_up_after_ms", brown_out.step_up_after_ms(), 1, kLongestMs),
  };
  for (const absl::Status& check : checks) {
    if (!check.ok()) return check;
  }
  if (brown_out.step_up_at_ms() >= brown_out.step_down_at_ms()) {
    return WrongValue("brown_out.step_up_at_ms", absl::StrCat(brown_out.step_up_at_ms()),
                      absl::StrCat("less than step_down_at_ms, ", brown_out.step_down_at_ms()));
  }
  if (brown_out.step_up_after_ms() < brown_out.step_down_after_ms()) {
    return WrongValue("brown_out.step_up_after_ms", absl::StrCat(brown_out.step_up_after_ms()),
                      absl::StrCat("at least step_down_after_ms, ", brown_out.step_down_after_ms()));
  }
  return absl::OkStatus();
}

absl::Status CheckShadow(const ServerConfig& config) {
  const Shadow& shadow = config.shadow();
  absl::Status status = CheckNumber("shadow.fraction", shadow.fraction(), 0, 1);
  if (status.ok()) status = CheckRange("shadow.max_items_in_flight", shadow.max_items_in_flight(), 1, 1u << 20);
  const bool named = !shadow.profile().empty() || shadow.fraction() > 0;
  if (status.ok() && named) status = CheckOneOf("shadow.profile", shadow.profile(), ProfileNames(config));
  return status;
}

}  // namespace roberta::config
