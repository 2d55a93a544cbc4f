#include "server/app/server.h"

#include <google/protobuf/stubs/logging.h>
#include <spdlog/spdlog.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <ctime>
#include <mutex>
#include <stop_token>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/str_join.h"
#include "profiles/errors/errors.h"
#include "profiles/kernels/isa.h"
#include "profiles/kernels/linear.h"
#include "profiles/kernels/passes.h"
#include "profiles/kernels/product.h"
#include "profiles/libtorch/libtorch.h"
#include "profiles/machine/cores.h"
#include "profiles/registry/registry.h"
#include "server/admission/permits.h"
#include "server/admission/wait_predictor.h"
#include "server/app/access.h"
#include "server/app/grpc_port.h"
#include "server/app/logging.h"
#include "server/app/options.h"
#include "server/app/profile_reporter.h"
#include "server/app/service_manager.h"
#include "server/batching/batch_queue.h"
#include "server/batching/executors.h"
#include "server/call/failure_reason.h"
#include "server/config/checks.h"
#include "server/config/security_entries.h"
#include "server/config/server_config.h"
#include "server/http/server.h"
#include "server/metrics/server_metrics.h"
#include "server/service/admission_control.h"
#include "server/service/classification.h"
#include "server/service/classify_stream.h"
#include "server/service/comparison.h"
#include "server/service/memory_guard.h"
#include "server/service/parked_refusals.h"
#include "server/service/profile_administration.h"
#include "server/service/profile_backend.h"
#include "server/service/tokenization.h"
#include "server/sockets/acceptor.h"
#include "server/sockets/agent_checks.h"
#include "server/sockets/listening.h"
#include "server/transport/compatible_services.h"
#include "server/transport/health.h"
#include "server/transport/http_routes.h"
#include "server/transport/load_reports.h"
#include "server/transport/rpc_counter.h"
#include "server/transport/services.h"
#include "version/version.h"

namespace roberta::app {
namespace {

using metrics::Readiness;
using sockets::HostPort;

/// The threads of the network inherit it from the one that makes them. Where too much arrives for all of them, a core
/// goes first of all to what was accepted: a step is a quarter more of a core's time.
constexpr int kStepsBelowExecutors = 5;
constexpr std::chrono::milliseconds kQuietAfterClose(100);
constexpr std::chrono::milliseconds kLongestWaitForQuiet(1000);
constexpr std::chrono::milliseconds kLongestWriteOfDrain(3000);
constexpr std::chrono::milliseconds kLongestEndOfDrain(10000);  // once calls are answered
constexpr std::chrono::milliseconds kWatchInterval(200);
constexpr size_t kOtherOpenFiles = 256;    // than those of connections
constexpr size_t kPartForLargeBodies = 8;  // of limits.max_buffered_bytes
constexpr size_t kPartForHttp = 8;         // of those of connections, at most

/// How many connections of each kind there are open files for.
struct RoomForConnections {
  size_t grpc, http;
};
RoomForConnections ShareOpenFiles(bool has_http) {
  const size_t files = std::max(sockets::RaiseOpenFiles(), 2 * kOtherOpenFiles) - kOtherOpenFiles;
  const size_t for_http = has_http ? files / kPartForHttp : 0;
  return {.grpc = (files - for_http) / 2, .http = for_http};  // one of gRPC takes two
}

batching::BatchQueueOptions QueueOptions(const config::ServerConfig& config, const registry::Registry& registry,
                                         batching::QueueObserver* observer) {
  batching::BatchQueueOptions options = ToQueueOptions(config, registry.names());
  options.observer = observer;
  return options;
}

metrics::QueueState StateOf(const batching::BatchQueue& queue) {
  batching::BatchQueue::Depth depth = queue.depth();
  const double age_seconds = std::chrono::duration<double>(depth.oldest_age).count();
  return {.items = std::move(depth.items), .tokens = std::move(depth.tokens), .oldest_age_seconds = age_seconds};
}

transport::ServerFacts FactsOf(const config::ServerConfig& config) {
  return {.version = version::kVersion,
          .revision = version::kGitCommit,
          .max_concurrent_calls = config.execution().queue_capacity_calls(),
          .max_batch_tokens = config::MaxBatchTokens(config.execution()),
          .tokenizer_workers = config.execution().tokenizer_workers()};
}

transport::LoadReportOptions ToLoadReportOptions(const config::ServerConfig& config) {
  const machine::CpuBudget budget = machine::ReadCpuBudget();
  const double cores = budget.affinity_cores;
  const config::LoadReports& reports = config.load_reports();
  return {.cores = budget.quota_cores > 0 ? std::min(budget.quota_cores, cores) : cores,
          .always = reports.always(),
          .least_interval = std::chrono::milliseconds(reports.least_interval_ms()),
          .max_streams = reports.max_streams()};
}

class ServerImpl final : public Server {
 public:
  ServerImpl(const config::ServerConfig& config, std::unique_ptr<registry::Registry> registry)
      : config_(config),
        registry_(std::move(registry)),
        predictor_(service::QueueProfiles(registry_->names()), ToDiscipline(config, registry_->names())),
        queue_(QueueOptions(config, *registry_, &predictor_)),
        brown_out_(MakeBrownOut(config, {.registry = registry_.get(), .queue = &queue_, .metrics = &metrics_})),
        metrics_({.profiles = registry_->names(),
                  .failure_reasons = call::FailureReasonNames(),
                  .rpc_methods = transport::RpcMethods(),
                  .rpc_methods_on_use = transport::CompatibleRpcMethods(),
                  .rpc_codes = transport::RpcCodes(),
                  .computation = {.libtorch = libtorch::VersionBuiltWith(),
                                  .onednn = kernels::OneDnnVersion(),
                                  .isa = std::string(kernels::IsaName(kernels::FastestIsa())),
                                  .primitives_created = &kernels::PrimitivesCreated}}),
        reporter_(registry_.get(), &metrics_, &queue_, &health_, config.execution().executors(),
                  config.execution().split_lone_requests()),
        request_log_(MakeRequestLog(config.logging())),
        permits_(config.execution().queue_capacity_calls()),
        concurrency_(&permits_, &predictor_, config.limits().max_caller_share()),
        admission_(ToAdmissionOptions(config, registry_->names(),
                                      static_cast<size_t>(registry_->checkpoint().config().max_tokens())),
                   &predictor_, &metrics_.admission()),
        refusals_(ToParkingOptions(config)),
        memory_(ToMemoryGuardOptions(config), registry_.get(), &metrics_),
        shadow_(MakeShadow(config, {.registry = registry_.get(), .queue = &queue_, .metrics = &metrics_})),
        parts_({.model_name = config.model().name(),
                .limits = {.max_items = config.limits().max_items_per_call(),
                           .max_item_characters = config.limits().max_item_characters()},
                .registry = registry_.get(),
                .concurrency = &concurrency_,
                .admission = &admission_,
                .tokenizers = &tokenizers_,
                .loads = &loads_,
                .queue = &queue_,
                .metrics = &metrics_,
                .log = request_log_.get(),
                .brown_out = brown_out_.get(),
                .shadow = shadow_.get(),
                .refusals = &refusals_,
                .memory = &memory_}),
        classification_(parts_),
        streams_(&classification_, parts_, {.items_in_flight = config.limits().max_stream_items_in_flight()}),
        comparison_(parts_),
        administration_(parts_),
        tokenization_(parts_),
        tokenizers_(config.execution().tokenizer_workers()),
        executors_(&queue_, config.execution().executors()),
        loads_(1),
        access_(config_, &metrics_.security()),
        load_reports_(ToLoadReportOptions(config), &metrics_.calls(), access_.guard()),
        classifier_service_(&classification_, &streams_, &comparison_, access_.guard(), &load_reports_),
        profiles_service_(&administration_, access_.guard()),
        http_services_({.parts = &parts_,
                        .classification = &classification_,
                        .comparison = &comparison_,
                        .administration = &administration_,
                        .tokenization = &tokenization_,
                        .facts = FactsOf(config),
                        .page =
                            [this](std::string path, std::function<void(http::Response)> take) {
                              metrics_.PageLater(std::move(path), std::move(take));
                            },
                        .authorize = transport::AuthorizeBy(access_.guard())}),
        compatible_services_({.parts = &parts_,
                              .facts = FactsOf(config),
                              .classification = &classification_,
                              .tokenization = &tokenization_,
                              .administration = &administration_,
                              .guard = access_.guard(),
                              .load = &load_reports_}),
        grpc_port_(config_, &metrics_),
        longest_write_(std::chrono::milliseconds(config.limits().stream_write_timeout_ms())),
        watchdog_(service_manager_.ping_interval().value_or(std::chrono::microseconds(0))),
        watch_([this](const std::stop_token& stop) { Watch(stop); }) {
    registry_->Observe(&reporter_);
    metrics_.queue().SetCapacity(queue_.capacity_items());
    metrics_.BeforeScrape([this] {
      metrics_.admission().SetLoadRatio(predictor_.load_ratio(admission::WaitPredictor::Clock::now()));
      metrics_.admission().SetParkedRefusals(refusals_.waiting());
      metrics_.queue().Set(StateOf(queue_));
      if (brown_out_ != nullptr) metrics_.brown_out().SetLevel(brown_out_->level());
    });
  }

  ~ServerImpl() override {
    if (!grpc_port_.is_listening()) return;
    StopShadow();
    permits_.Close();
    grpc_port_.StopListening();
    refusals_.Close();
    access_.Stop();
    http_server_.reset();
    large_bodies_.reset();
    grpc_port_.Shutdown(std::chrono::milliseconds(0));
    // A call that was cut off may still be in a pool; the pools' tasks use one another and the core.
    permits_.WaitUntilIdle(std::chrono::hours(1));
  }

  absl::Status Listen() {
    RETURN_IF_ERROR(access_.Open());
    const config::Listen& listen = config_.listen();
    ASSIGN_OR_RETURN(metrics_port_, metrics_.Expose(listen.host(), static_cast<uint16_t>(listen.metrics_port()),
                                                    config::IsLoopbackHost(listen.host())));
    if (listen.agent_port() != 0) {
      ASSIGN_OR_RETURN(
          std::vector<sockets::ListeningSocket> checks,
          sockets::ListenOn(listen.host(), static_cast<uint16_t>(listen.agent_port()), "for agent checks"));
      agent_checks_ = std::make_unique<sockets::AgentChecks>(std::move(checks));
      has_agent_checks_ = true;
    }
    google::protobuf::SetLogHandler(nullptr);  // else clients could write lines, by strings that are not UTF-8
    const RoomForConnections room = ShareOpenFiles(listen.http());
    if (listen.http()) {
      large_bodies_ =
          std::make_unique<transport::LargeBodies>(config_.limits().max_buffered_bytes() / kPartForLargeBodies);
      http_services_.large_bodies = large_bodies_.get();
      http::Options options = ToHttpOptions(config_);
      options.max_connections = std::min(options.max_connections, room.http);
      options.tls = access_.http_context();
      options.on_connections = [this](size_t open) { metrics_.http().SetConnections(open); };
      options.on_response = [this](unsigned status) { metrics_.http().CountResponse(status); };
      options.on_refusal = [this](http::Refusal reason) { metrics_.http().CountRefusal(reason); };
      ASSIGN_OR_RETURN(http_server_, http::Server::Start(std::move(options), [this](auto request, auto responder) {
                         transport::AnswerHttp(http_services_, std::move(request), std::move(responder));
                       }));
    }
    SetReadiness(Readiness::kLoading);
    RETURN_IF_ERROR(grpc_port_.Listen(access_.grpc_credentials(), room.grpc, [this](grpc::ServerBuilder* builder) {
      builder->RegisterService(&classifier_service_);
      builder->RegisterService(&profiles_service_);
      builder->RegisterService(&health_);
      builder->RegisterService(&load_reports_);
      compatible_services_.Register(builder);
    }));
    access_.Watch(http_server_.get());
    grpc_port_.Accept();
    memory_watch_ = std::jthread([this](const std::stop_token& stop) { WatchMemory(stop); });
    return absl::OkStatus();
  }

  absl::Status LoadProfiles(const std::function<void()>& before_ready) {
    for (const std::string& name : LoadOrder(config_)) {
      service_manager_.Send(absl::StrCat("STATUS=loading profile ", name));
      const absl::Status status = registry_->Load(name);
      if (status.ok() || name != config_.default_profile()) continue;
      return errors::In(absl::StrCat("the default profile, ", name, ", did not load"), status);
    }
    before_ready();
    concurrency_.SetReady();
    SetReadiness(Readiness::kServing);
    return absl::OkStatus();
  }

  void LogStart() const {
    const machine::CpuBudget budget = machine::ReadCpuBudget();
    spdlog::info("roberta-server {}: model {} (revision {}) from {}", version::kLong, config_.model().name(),
                 registry_->checkpoint().revision(), config_.model().directory());
    for (const std::string& note : registry_->tokenizer().notes()) spdlog::warn("{}", note);
    if (const std::string open = config::WhatIsOpen(config_); !open.empty()) {
      spdlog::warn("others can connect to {}: {}", config_.listen().host(), open);
    }
    std::vector<std::string> isas;
    for (const kernels::Isa isa : kernels::HostIsas()) isas.emplace_back(kernels::IsaName(isa));
    spdlog::info(
        "cpu: {} cores by affinity, quota {}, {} executors, {} tokenizer workers; instruction sets {}{}; passes by {}",
        budget.affinity_cores, budget.quota_cores > 0 ? absl::StrCat(budget.quota_cores, " cores") : "none",
        config_.execution().executors(), config_.execution().tokenizer_workers(), absl::StrJoin(isas, ", "),
        kernels::IsaLimit() ? " (limited by ROBERTA_MAX_ISA)" : "", kernels::IsaName(kernels::FastestIsa()));
    spdlog::info("memory: {}; profiles are unloaded at {:.0f} %, large calls refused at {:.0f} %",
                 service::MemoryText(machine::SmallestLimit(ReadMemory(config_))), 100 * config_.memory().unload_at(),
                 100 * config_.memory().refuse_at());
  }

  void SayThatItServes() {
    for (const registry::ProfileStatus& status : registry_->List()) {
      if (status.state == registry::ProfileState::kUnloaded) spdlog::info("{}", ProfileLine(status));
    }
    const std::string& host = config_.listen().host();
    const std::string serving = absl::StrCat(
        "serving gRPC on ", HostPort(host, grpc_port_.port()), ", metrics on http://", HostPort(host, metrics_port_),
        "/metrics", http_server_ ? absl::StrCat(", JSON on http://", HostPort(host, http_server_->port())) : "");
    spdlog::info("{}", serving);
    service_manager_.Send(absl::StrCat("READY=1\nSTATUS=", serving));
    watched_ = service_manager_.ping_interval().has_value();
  }

  bool Drain(std::chrono::milliseconds drain_delay, std::chrono::milliseconds drain_timeout) override {
    SetReadiness(Readiness::kDraining);
    // The time that the configuration gives counts, should it be more than the service manager's own.
    const std::chrono::microseconds longest = drain_delay + drain_timeout + kLongestEndOfDrain;
    service_manager_.Send(
        absl::StrCat("STOPPING=1\nSTATUS=finishing what was accepted\nEXTEND_TIMEOUT_USEC=", int64_t{longest.count()}));
    health_.Stop();
    StopShadow();
    std::this_thread::sleep_for(drain_delay);
    permits_.Close();
    refusals_.Close();
    longest_write_ = std::min({longest_write_.load(), kLongestWriteOfDrain, drain_timeout / 2});
    streams_.Drain();
    if (http_server_ != nullptr) http_server_->Drain();
    compatible_services_.Drain();
    load_reports_.Drain();
    const bool idle = permits_.WaitUntilIdle(drain_timeout);
    // Once it shuts down, gRPC cancels late calls without asking us. Turn them away as UNAVAILABLE until they cease.
    permits_.WaitUntilQuiet(kQuietAfterClose, kLongestWaitForQuiet);
    // What is answered has still to leave: both wait for that, but not for long once every answer is given.
    grpc_port_.StopListening();
    health_.EndWatches();
    const std::chrono::seconds for_writes(idle ? 5 : 0);
    if (http_server_ != nullptr) http_server_->Stop(for_writes);
    grpc_port_.Shutdown(for_writes);
    return idle;
  }

  uint16_t port() const override { return grpc_port_.port(); }
  uint16_t metrics_port() const override { return metrics_port_; }
  uint16_t http_port() const override { return http_server_ ? http_server_->port() : 0; }

 private:
  /// The only place that sets health over HTTP and over gRPC.
  void SetReadiness(Readiness readiness) {
    metrics_.readiness() = readiness;
    health_.Set("", readiness == Readiness::kServing);
    for (const auto* service : transport::ServicesOnPort()) {
      if (service->file()->package().starts_with("grpc.")) continue;
      health_.Set(service->full_name(), readiness == Readiness::kServing);
    }
  }
  /// Sleeps for `interval`; returns at once, with true, when it shall stop.
  static bool SleepUnlessStopped(const std::stop_token& stop, std::chrono::milliseconds interval) {
    std::mutex mutex;
    std::unique_lock lock(mutex);
    return std::condition_variable_any().wait_for(lock, stop, interval, [&] { return stop.stop_requested(); });
  }
  void WatchMemory(const std::stop_token& stop) {
    do {
      memory_.Check(service::MemoryGuard::Clock::now());
    } while (!SleepUnlessStopped(stop, std::chrono::milliseconds(config_.memory().check_interval_ms())));
  }
  /// What is to be done a few times a second, and needs no thread of its own.
  void Watch(const std::stop_token& stop) {
    while (!SleepUnlessStopped(stop, kWatchInterval)) {
      const auto now = std::chrono::steady_clock::now();
      ReportLoad(now);
      streams_.ReadWhatIsDue();
      streams_.EndWritesSince(now - longest_write_.load());
      compatible_services_.EndWritesSince(now - longest_write_.load());
      grpc_port_.EndLateCalls(now);
      if (watched_ && watchdog_.IsDue(now, queue_.progress())) PingServiceManager();
    }
  }
  /// By way of the thread that answers probes for liveness: if that hangs, no ping is sent.
  void PingServiceManager() {
    metrics_.PageLater("/healthz", [this](const http::Response& page) {
      if (page.status == 200) service_manager_.Send("WATCHDOG=1");
    });
  }
  void ReportLoad(std::chrono::steady_clock::time_point now) {
    timespec cpu = {};
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &cpu);
    const double load_ratio = predictor_.load_ratio(now);
    load_reports_.Take({.at = now,
                        .calls = metrics_.calls().count(),
                        .cpu_seconds = static_cast<double>(cpu.tv_sec) + static_cast<double>(cpu.tv_nsec) * 1e-9,
                        .load_ratio = load_ratio,
                        .queue_seconds = std::chrono::duration<double>(predictor_.backlog(now).drain).count()});
    if (!has_agent_checks_) return;
    const bool serving = metrics_.readiness() == Readiness::kServing;
    agent_checks_->Answer(serving ? sockets::WeightLine(load_ratio) : sockets::kDrainLine);
  }
  void StopShadow() {
    if (shadow_ != nullptr) shadow_->Stop();
  }

  const config::ServerConfig config_;
  const ServiceManager service_manager_ = ServiceManager::FromEnvironment();
  const std::unique_ptr<registry::Registry> registry_;
  admission::WaitPredictor predictor_;
  batching::BatchQueue queue_;  // before the metrics, which ask it to the end, as they do the brown-out
  const std::unique_ptr<service::BrownOutLadder> brown_out_;
  metrics::ServerMetrics metrics_;
  transport::HealthService health_;
  ProfileReporter reporter_;
  const std::unique_ptr<request_log::RequestLog> request_log_;
  admission::Permits permits_;
  service::ConcurrencyLimit concurrency_;
  const service::AdmissionControl admission_;
  service::ParkedRefusals refusals_;
  service::MemoryGuard memory_;
  const std::unique_ptr<service::ShadowTraffic> shadow_;
  const service::Parts parts_;
  service::Classification classification_;
  service::ClassifyStreams streams_;
  service::Comparison comparison_;
  service::ProfileAdministration administration_;
  service::Tokenization tokenization_;
  batching::WorkerPool tokenizers_;
  batching::Executors executors_;
  batching::WorkerPool loads_;
  Access access_;
  transport::LoadReports load_reports_;
  transport::ClassifierService classifier_service_;
  transport::ProfilesService profiles_service_;
  transport::HttpServices http_services_;
  std::unique_ptr<transport::LargeBodies> large_bodies_;  // made by the thread whose priority it has
  transport::CompatibleServices compatible_services_;
  GrpcPort grpc_port_;
  std::unique_ptr<http::Server> http_server_;  // nullptr: off
  std::unique_ptr<sockets::AgentChecks> agent_checks_;
  std::atomic<bool> has_agent_checks_{false};  // from then on only watch_ uses them
  uint16_t metrics_port_ = 0;
  std::atomic<std::chrono::milliseconds> longest_write_;
  std::atomic<bool> watched_{false};
  Watchdog watchdog_;
  std::jthread watch_;         // it uses what is above
  std::jthread memory_watch_;  // last: it uses the registry
};

}  // namespace

absl::StatusOr<std::unique_ptr<Server>> Server::Start(const config::ServerConfig& config,
                                                      const std::function<void()>& before_ready) {
  RETURN_IF_ERROR(kernels::CheckIsaLimit());
  const auto load_threads = std::make_shared<LoadThreads>();
  load_threads->packing = std::min(size_t{machine::ReadCpuBudget().usable()}, kMostPackingThreads);
  load_threads->sample = config.execution().executors();
  ASSIGN_OR_RETURN(auto registry, registry::Registry::Open(ToRegistryOptions(config, load_threads)));
  auto server = std::make_unique<ServerImpl>(config, std::move(registry));
  absl::Status listening;
  std::thread([&] {
    [[maybe_unused]] const int lowered = nice(kStepsBelowExecutors);
    listening = server->Listen();
  }).join();
  RETURN_IF_ERROR(listening);
  server->LogStart();
  RETURN_IF_ERROR(server->LoadProfiles(before_ready));
  load_threads->packing = load_threads->sample = 1;  // a load at run time leaves the other cores to requests
  server->SayThatItServes();
  return server;
}

}  // namespace roberta::app
