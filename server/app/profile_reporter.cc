#include "server/app/profile_reporter.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <chrono>
#include <limits>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "absl/types/span.h"
#include "profiles/team/team.h"
#include "server/service/profile_backend.h"

namespace roberta::app {
namespace {

using registry::ProfileState;
using registry::ProfileStatus;

std::string Steps(const ProfileStatus& status) {
  return absl::StrJoin(status.steps, ", ", [](std::string* out, const registry::LoadStep& step) {
    absl::StrAppendFormat(out, "%s %.2f s", step.name, step.seconds);
  });
}

/// What two threads must save of the time of one: measurements differ by less.
constexpr double kWorthSplitting = 0.9;

double SecondsOf(const encoder::Profile& profile, absl::Span<float> logits, team::Team* team) {
  constexpr int32_t kTokens = 17;
  const std::vector<int32_t> ids(kTokens, 0), cu_seqlens = {0, kTokens};
  const auto start = std::chrono::steady_clock::now();
  if (!profile.RunShared({ids, cu_seqlens}, logits, team).ok()) return std::numeric_limits<double>::infinity();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

/// The time of two threads for a short text, as a share of that of one: the best of some runs each.
double TimeOfTwo(const encoder::Profile& profile, size_t labels) {
  constexpr int kRuns = 3;
  std::vector<float> logits(labels);
  team::SharedWork work;
  std::thread helper([&work, call = work.call()] { work.Help(call); });
  double one = std::numeric_limits<double>::infinity(), two = one;
  for (int run = 0; run < kRuns; ++run) {
    one = std::min(one, SecondsOf(profile, absl::MakeSpan(logits), nullptr));
    two = std::min(two, SecondsOf(profile, absl::MakeSpan(logits), &work));
  }
  work.Dismiss();
  helper.join();
  return two / one;
}

}  // namespace

std::string ProfileLine(const ProfileStatus& status) {
  std::string line = absl::StrCat("profile ", status.name, status.is_default ? " (default)" : "", ": ");
  if (status.recipe != status.name) absl::StrAppend(&line, "recipe ", status.recipe, ", ");
  switch (status.state) {
    case ProfileState::kLoading:
      return line + "loading";
    case ProfileState::kUnloaded:
      return absl::StrCat(line, "not loaded: ", status.reason);
    case ProfileState::kFailed:
      return absl::StrCat(line, "FAILED, requests for it are refused: ", status.reason);
    case ProfileState::kReady:
      break;
  }
  absl::StrAppendFormat(&line, "%s, %s, %.1f MiB of weights", status.description.precision,
                        absl::StrJoin(status.description.kernels, " + "),
                        static_cast<double>(status.description.weight_bytes) / (1 << 20));
  absl::StrAppend(
      &line, "; ",
      status.quality ? QualityText(*status.quality) : absl::StrCat("quality not measured: ", status.quality_reason));
  if (status.expected_tokens_per_second) {
    absl::StrAppendFormat(&line, "; about %.0f tokens/s expected", *status.expected_tokens_per_second);
  }
  if (status.efficient_batch_tokens) {
    absl::StrAppend(&line, ", in batches of ", *status.efficient_batch_tokens, " or more");
  }
  absl::StrAppendFormat(&line, "; loaded in %.2f s (%s)", status.load_seconds, Steps(status));
  if (!status.reason.empty()) absl::StrAppend(&line, "; ", status.reason);
  return line;
}

ProfileReporter::ProfileReporter(const registry::Registry* registry, metrics::ServerMetrics* metrics,
                                 batching::BatchQueue* queue, transport::HealthService* health, size_t executors,
                                 bool splits)
    : registry_(registry),
      metrics_(metrics),
      queue_(queue),
      health_(health),
      executors_(executors),
      splits_(splits && executors > 1) {
  for (const std::string& name : registry_->names()) health_->Set("profile/" + name, false);
}

void ProfileReporter::StepEnded(std::string_view profile, const registry::LoadStep& step) {
  spdlog::debug("profile {}: {} took {:.3f} s", profile, step.name, step.seconds);
}

std::shared_ptr<const void> ProfileReporter::Loaded(const registry::LoadedProfile& profile) {
  const auto labels = static_cast<size_t>(registry_->checkpoint().config().num_labels());
  if (splits_) {
    const double share = TimeOfTwo(*profile.profile, labels);
    queue_->SetSplits(profile.index, share < kWorthSplitting);
    spdlog::debug("profile {}: two executors take {:.2f} of the time of one for a short text{}", profile.name, share,
                  share < kWorthSplitting ? "" : ", so a call that is alone has one");
  }
  return std::make_shared<const service::ProfileBackend>(profile, labels, metrics_);
}

void ProfileReporter::Changed(std::string_view profile) {
  const std::lock_guard lock(mutex_);
  const auto status = registry_->StatusOf(profile);
  if (status.ok()) Report(*status);
}

void ProfileReporter::Report(const ProfileStatus& status) {
  const bool ready = status.state == ProfileState::kReady;
  metrics::ProfileState state = {.ready = ready};
  // A profile that was unloaded on purpose must not raise alerts on what it was.
  const bool unloaded = status.state == ProfileState::kUnloaded;
  if (!unloaded) state.load_seconds = status.load_seconds;
  if (!unloaded && status.quality) state.agreement_ratio = status.quality->agreement;
  metrics_->profiles().Set(status.name, state);
  if (ready) SeedCost(status);
  health_->Set("profile/" + status.name, ready);
  std::string line = ProfileLine(status);
  std::string& last = logged_[status.name];
  if (line == last) return;
  spdlog::log(status.state == ProfileState::kFailed ? spdlog::level::warn : spdlog::level::info, "{}", line);
  last = std::move(line);
}

void ProfileReporter::SeedCost(const ProfileStatus& status) {
  const double rate = status.expected_tokens_per_second.value_or(0);
  if (rate <= 0) return;
  const auto profile = registry_->Get(status.name);
  if (!profile.ok()) return;
  queue_->SeedCost(profile->index, 1e9 * static_cast<double>(executors_) / rate,
                   status.efficient_batch_tokens.value_or(batching::kUsualEfficientTokens));
}

}  // namespace roberta::app
