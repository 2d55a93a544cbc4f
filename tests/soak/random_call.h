#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <random>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "roberta/v1/classifier.pb.h"

namespace roberta::soak {

/// The profiles of a test server, by what they are for. Calls that may be given up name kGivenUp and no others do, so
/// that the server's books of all other calls can be held to be equal to the client's, to the last one.
inline constexpr char kSteady[] = "baseline";
inline constexpr char kExact[] = "quantized";      ///< results do not depend on the batch
inline constexpr char kComesAndGoes[] = "pruned";  ///< is unloaded and loaded during a soak
inline constexpr char kGivenUp[] = "amp";
inline constexpr char kNeverLoaded[] = "reference";  ///< never loaded

enum class Kind {
  kValid,
  kPartial,  ///< one item of several is bad, and may be
  kBlank,
  kBadUtf8,
  kNoItems,
  kTooLong,
  kUnknownProfile,
  kNotReady,
  kBadField,
  kMalformed,
  kShortDeadline,
  kCancelled,
};
inline constexpr int kKinds = 12;
std::string_view KindName(Kind kind);

struct RandomCall {
  Kind kind = Kind::kValid;
  std::string profile;
  std::vector<size_t> texts;  ///< of the good items, in their order
  std::string wire;
  std::chrono::nanoseconds timeout{0};
  std::optional<std::chrono::microseconds> cancel_after;
  std::set<absl::StatusCode> expected;

  bool MayBeGivenUp() const { return kind == Kind::kShortDeadline || kind == Kind::kCancelled; }
};

/// Makes calls of every kind, most of them valid. The same for the same seed. One thread.
class CallGenerator {
 public:
  /// `texts`: not empty; must outlive this. `profiles`: of valid calls, drawn evenly.
  CallGenerator(const std::vector<v1::Item>* texts, std::vector<std::string> profiles, uint64_t seed)
      : texts_(*texts), profiles_(std::move(profiles)), random_(seed) {}

  RandomCall Next();
  RandomCall NextOf(Kind kind);

 private:
  uint64_t Below(uint64_t end) { return std::uniform_int_distribution<uint64_t>(0, end - 1)(random_); }

  const std::vector<v1::Item>& texts_;
  const std::vector<std::string> profiles_;
  std::mt19937_64 random_;
};

}  // namespace roberta::soak
