#include "server/service/retry_delay.h"

#include <algorithm>
#include <string>

#include "absl/strings/cord.h"

namespace roberta::service {

namespace {

constexpr char kPayload[] = "roberta/retry_delay_ms";  // its bytes: the number, in decimal
constexpr std::chrono::milliseconds kShortest(1);
constexpr std::chrono::milliseconds kLongest(std::chrono::minutes(5));

}  // namespace

absl::Status WithRetryDelay(absl::Status status, std::chrono::nanoseconds delay) {
  const auto whole = std::clamp(std::chrono::ceil<std::chrono::milliseconds>(delay), kShortest, kLongest);
  status.SetPayload(kPayload, absl::Cord(std::to_string(whole.count())));
  return status;
}

std::optional<std::chrono::milliseconds> RetryDelayOf(const absl::Status& status) {
  const auto payload = status.GetPayload(kPayload);
  if (!payload) return std::nullopt;
  return std::chrono::milliseconds(std::stoll(std::string(*payload)));
}

}  // namespace roberta::service
