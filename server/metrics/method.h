#pragma once

#include <array>
#include <cstddef>

namespace roberta::metrics {

/// The methods whose calls are counted by outcome.
enum class Method {
  kClassify,
  kClassifyStream,
  kCompare,
  kListProfiles,
  kLoadProfile,
  kUnloadProfile,
  kSetDefaultProfile
};

inline constexpr std::array<const char*, 7> kMethodNames = {
    "Classify", "ClassifyStream", "Compare", "ListProfiles", "LoadProfile", "UnloadProfile", "SetDefaultProfile"};
inline constexpr size_t kMethods = kMethodNames.size();

}  // namespace roberta::metrics
