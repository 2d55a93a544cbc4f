#pragma once

#include <array>
#include <cstddef>

namespace roberta::call {

/// The methods of our services; metrics and the log name them so.
enum class Method {
  kClassify,
  kClassifyStream,
  kCompare,
  kListProfiles,
  kLoadProfile,
  kUnloadProfile,
  kSetDefaultProfile,
};

inline constexpr std::array<const char*, 7> kMethodNames = {
    "Classify", "ClassifyStream", "Compare", "ListProfiles", "LoadProfile", "UnloadProfile", "SetDefaultProfile"};
inline constexpr size_t kMethods = kMethodNames.size();

constexpr const char* NameOf(Method method) {
  return kMethodNames[static_cast<size_t>(method)];
}

}  // namespace roberta::call
