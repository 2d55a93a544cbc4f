#include "server/service/named_profile.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "server/service/request_validation.h"
#include "server/service/situations.h"

namespace roberta::service {

absl::Status CheckKnown(const registry::Registry& registry, const std::string& field, const std::string& name) {
  const std::vector<std::string>& known = registry.names();
  if (std::find(known.begin(), known.end(), name) != known.end()) return absl::OkStatus();
  return MakeStatus(Situation::kUnknownProfile, absl::StrCat(field, ": ", Quote(name), " is unknown; the profiles are ",
                                                             absl::StrJoin(known, ", ")));
}

absl::StatusOr<registry::LoadedProfile> FindProfile(const registry::Registry& registry, const std::string& field,
                                                    const std::string& name) {
  absl::Status known = CheckKnown(registry, field, name);
  if (!known.ok()) return known;
  auto profile = registry.Get(name);
  if (!profile.ok()) return MakeStatus(Situation::kProfileNotReady, std::string(profile.status().message()));
  return profile;
}

}  // namespace roberta::service
