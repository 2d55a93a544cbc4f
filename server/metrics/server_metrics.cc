#include "server/metrics/server_metrics.h"

#include <prometheus/counter.h>
#include <prometheus/gauge.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>
#include <prometheus/text_serializer.h>

#include <array>
#include <limits>
#include <map>

#include "absl/status/status.h"
#include "server/metrics/http_endpoint.h"
#include "version/version.h"

namespace roberta::metrics {

namespace {

using prometheus::Counter;
using prometheus::Gauge;
using prometheus::Histogram;

constexpr size_t kCodes = 17;  // gRPC's status codes, 0 to 16; absl's numbers are the same
constexpr std::array<const char*, 6> kMethodNames = {"Classify",    "Compare",       "ListProfiles",
                                                     "LoadProfile", "UnloadProfile", "SetDefaultProfile"};
constexpr char kNoProfile[] = "none";

/// Latency bounds of gRPC's A66 (OpenTelemetry metrics), in seconds.
const Histogram::BucketBoundaries kLatencySeconds = {
    0.00001, 0.00005, 0.0001, 0.0003, 0.0006, 0.0008, 0.001, 0.002, 0.003, 0.004, 0.005, 0.006, 0.008, 0.01,
    0.013,   0.016,   0.02,   0.025,  0.03,   0.04,   0.05,  0.065, 0.08,  0.1,   0.13,  0.16,  0.2,   0.25,
    0.3,     0.4,     0.5,    0.65,   0.8,    1,      2,     5,     10,    20,    50,    100};
const Histogram::BucketBoundaries kPowersOfTwo = {1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 2048, 4096, 8192};

double Seconds(int64_t nanoseconds) {
  return static_cast<double>(nanoseconds) * 1e-9;
}

/// What is counted for one profile.
struct ProfileHandles {
  std::array<std::array<Counter*, kCodes>, kMethodNames.size()> requests;
  std::array<Histogram*, kMethodNames.size()> duration;
  std::array<Histogram*, kPhases> phases;
  Counter* items_answered;
  Counter* items_failed;
  Counter* batches;
  Histogram* batch_items;
  Histogram* batch_tokens;
  // nullptr for calls without a profile
  Gauge* ready = nullptr;
  Gauge* agreement = nullptr;
  Gauge* load_seconds = nullptr;
};

}  // namespace

struct ServerMetrics::Handles {
  std::shared_ptr<prometheus::Registry> registry = std::make_shared<prometheus::Registry>();
  std::map<std::string, ProfileHandles, std::less<>> profiles;
  Gauge* inflight = nullptr;
  Histogram* input_tokens = nullptr;
  Counter* truncated = nullptr;
  Counter* primitives = nullptr;
  int64_t (*primitives_created)() = nullptr;
  std::unique_ptr<HttpEndpoint> endpoint;  // last: it reads the others until it is gone

  const ProfileHandles& Find(std::string_view profile) const {
    const auto found = profiles.find(profile);
    return found != profiles.end() ? found->second : profiles.find(kNoProfile)->second;
  }
};

ServerMetrics::ServerMetrics(const std::vector<std::string>& profiles, int64_t (*primitives_created)())
    : handles_(std::make_unique<Handles>()) {
  handles_->primitives_created = primitives_created;
  prometheus::Registry& registry = *handles_->registry;
  auto counter = [&](const char* name, const char* help) -> prometheus::Family<Counter>& {
    return prometheus::BuildCounter().Name(name).Help(help).Register(registry);
  };
  auto gauge = [&](const char* name, const char* help) -> prometheus::Family<Gauge>& {
    return prometheus::BuildGauge().Name(name).Help(help).Register(registry);
  };
  auto histogram = [&](const char* name, const char* help) -> prometheus::Family<Histogram>& {
    return prometheus::BuildHistogram().Name(name).Help(help).Register(registry);
  };
  auto& requests = counter("roberta_requests_total", "Calls that ended, by gRPC status code.");
  auto& items = counter("roberta_items_total", "Items of Classify calls, by outcome.");
  auto& duration = histogram("roberta_request_duration_seconds", "Time of a call in the service.");
  auto& phases = histogram("roberta_phase_duration_seconds", "Time of a Classify call by phase.");
  auto& batches = counter("roberta_batches_total", "Batches run.");
  auto& batch_items = histogram("roberta_batch_items", "Items in a batch.");
  auto& batch_tokens = histogram("roberta_batch_tokens", "Tokens in a batch.");
  auto& ready = gauge("roberta_profile_ready", "1 if the profile is READY.");
  auto& agreement = gauge("roberta_profile_agreement_ratio",
                          "Share of the sample on which the profile agrees with the baseline; NaN if not measured.");
  auto& load_seconds = gauge("roberta_profile_load_duration_seconds", "Time of the profile's last load.");
  handles_->inflight = &gauge("roberta_inflight_requests", "Classify and Compare calls in the service now.").Add({});
  handles_->input_tokens =
      &histogram("roberta_input_tokens", "Tokens of a Classify call's items.").Add({}, kPowersOfTwo);
  handles_->truncated = &counter("roberta_truncated_items_total", "Items that lost tokens to truncation.").Add({});
  handles_->primitives = &counter("roberta_kernel_primitives_created_total",
                                  "Primitives of matrix products made so far; constant while no profile is loaded.")
                              .Add({});
  gauge("roberta_build_info", "1; the labels say what runs.")
      .Add({{"version", version::kVersion}, {"git", version::kGitCommit}})
      .Set(1);

  std::vector<std::string> names = profiles;
  names.emplace_back(kNoProfile);
  for (const std::string& name : names) {
    const prometheus::Labels label = {{"profile", name}};
    ProfileHandles& handles = handles_->profiles[name];
    for (size_t method = 0; method < kMethodNames.size(); ++method) {
      for (size_t code = 0; code < kCodes; ++code) {
        handles.requests[method][code] =
            &requests.Add({{"method", kMethodNames[method]},
                           {"profile", name},
                           {"code", absl::StatusCodeToString(static_cast<absl::StatusCode>(code))}});
      }
      handles.duration[method] = &duration.Add({{"method", kMethodNames[method]}, {"profile", name}}, kLatencySeconds);
    }
    for (size_t phase = 0; phase < kPhases; ++phase) {
      handles.phases[phase] = &phases.Add({{"phase", kPhaseNames[phase]}, {"profile", name}}, kLatencySeconds);
    }
    handles.items_answered = &items.Add({{"profile", name}, {"outcome", "answered"}});
    handles.items_failed = &items.Add({{"profile", name}, {"outcome", "failed"}});
    handles.batches = &batches.Add(label);
    handles.batch_items = &batch_items.Add(label, kPowersOfTwo);
    handles.batch_tokens = &batch_tokens.Add(label, kPowersOfTwo);
    if (name == kNoProfile) continue;
    handles.ready = &ready.Add(label);
    handles.agreement = &agreement.Add(label, std::numeric_limits<double>::quiet_NaN());
    handles.load_seconds = &load_seconds.Add(label);
  }
}

ServerMetrics::~ServerMetrics() = default;

absl::StatusOr<uint16_t> ServerMetrics::Expose(const std::string& host, uint16_t port) {
  auto endpoint = HttpEndpoint::Start(host, port, [this](std::string_view path) -> std::optional<Page> {
    if (path != "/metrics") return std::nullopt;
    if (handles_->primitives_created != nullptr) {
      handles_->primitives->Increment(static_cast<double>(handles_->primitives_created()) -
                                      handles_->primitives->Value());
    }
    return Page{"text/plain; version=0.0.4; charset=utf-8",
                prometheus::TextSerializer().Serialize(handles_->registry->Collect())};
  });
  if (!endpoint.ok()) return endpoint.status();
  handles_->endpoint = *std::move(endpoint);
  return handles_->endpoint->port();
}

void ServerMetrics::CallStarted() {
  handles_->inflight->Increment();
}

void ServerMetrics::CallEnded(Method method, std::string_view profile, absl::StatusCode code, const PhaseClock& clock) {
  const ProfileHandles& handles = handles_->Find(profile);
  const auto m = static_cast<size_t>(method);
  handles.requests[m][static_cast<size_t>(code) % kCodes]->Increment();
  handles.duration[m]->Observe(Seconds(clock.total_ns()));
  if (method == Method::kClassify || method == Method::kCompare) handles_->inflight->Decrement();
  if (method != Method::kClassify) return;
  for (size_t phase = 0; phase < kPhases; ++phase) {
    handles.phases[phase]->Observe(Seconds(clock.spent_ns(static_cast<Phase>(phase))));
  }
}

void ServerMetrics::CountItems(std::string_view profile, const Items& items) {
  const ProfileHandles& handles = handles_->Find(profile);
  handles.items_answered->Increment(static_cast<double>(items.answered));
  handles.items_failed->Increment(static_cast<double>(items.failed));
  handles_->truncated->Increment(static_cast<double>(items.truncated));
  handles_->input_tokens->Observe(static_cast<double>(items.tokens));
}

void ServerMetrics::CountBatch(std::string_view profile, size_t items, size_t tokens) {
  const ProfileHandles& handles = handles_->Find(profile);
  handles.batches->Increment();
  handles.batch_items->Observe(static_cast<double>(items));
  handles.batch_tokens->Observe(static_cast<double>(tokens));
}

void ServerMetrics::SetProfile(std::string_view profile, const ProfileGauges& gauges) {
  const ProfileHandles& handles = handles_->Find(profile);
  if (handles.ready == nullptr) return;
  handles.ready->Set(gauges.ready ? 1 : 0);
  handles.agreement->Set(gauges.agreement_ratio.value_or(std::numeric_limits<double>::quiet_NaN()));
  handles.load_seconds->Set(gauges.load_seconds);
}

}  // namespace roberta::metrics
