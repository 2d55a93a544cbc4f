#include "server/app/pressure.h"

#include <spdlog/spdlog.h>

#include <chrono>
#include <random>

namespace roberta::app {

namespace {

using admission::BrownOut;
using std::chrono::milliseconds;

void LogChange(const BrownOut::Change& change) {
  const double pressure_ms = std::chrono::duration<double, std::milli>(change.pressure).count();
  switch (change.cause) {
    case BrownOut::Cause::kPressure:
      return spdlog::warn("brown-out: from level {} to {}: pressure lasts, {:.0f} ms of work wait", change.from,
                          change.to, pressure_ms);
    case BrownOut::Cause::kRelief:
      return spdlog::info("brown-out: from level {} to {}: pressure is gone", change.from, change.to);
    case BrownOut::Cause::kLostStep:
      return spdlog::warn("brown-out: from level {} to {}: a profile of the ladder is no longer READY", change.from,
                          change.to);
  }
}

}  // namespace

std::unique_ptr<service::BrownOutLadder> MakeBrownOut(const config::ServerConfig& config,
                                                      const service::BrownOutLadder::Parts& parts) {
  const config::BrownOut& entry = config.brown_out();
  if (!entry.enabled()) return nullptr;
  service::BrownOutLadderOptions options;
  options.profiles.assign(entry.ladder().begin(), entry.ladder().end());
  options.executors = config.execution().executors();
  options.thresholds = {.step_down_at = milliseconds(entry.step_down_at_ms()),
                        .step_down_after = milliseconds(entry.step_down_after_ms()),
                        .step_up_at = milliseconds(entry.step_up_at_ms()),
                        .step_up_after = milliseconds(entry.step_up_after_ms())};
  return std::make_unique<service::BrownOutLadder>(std::move(options), parts, LogChange);
}

std::unique_ptr<service::ShadowTraffic> MakeShadow(const config::ServerConfig& config,
                                                   const service::ShadowTraffic::Parts& parts) {
  const config::Shadow& entry = config.shadow();
  if (entry.fraction() == 0) return nullptr;
  return std::make_unique<service::ShadowTraffic>(
      service::ShadowOptions{.profile = entry.profile(),
                             .fraction = entry.fraction(),
                             .max_items_in_flight = entry.max_items_in_flight(),
                             .seed = std::random_device()()},
      parts);
}

}  // namespace roberta::app
