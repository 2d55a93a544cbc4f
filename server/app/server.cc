#include "server/app/server.h"

#include <grpcpp/ext/proto_server_reflection_plugin.h>
#include <grpcpp/grpcpp.h>
#include <grpcpp/health_check_service_interface.h>
#include <spdlog/spdlog.h>

#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "profiles/kernels/fastest_isa.h"
#include "profiles/kernels/isa.h"
#include "profiles/kernels/linear.h"
#include "profiles/registry/registry.h"
#include "server/admission/permits.h"
#include "server/app/profile_reporter.h"
#include "server/app/registry_options.h"
#include "server/app/usable_cores.h"
#include "server/batching/worker_pool.h"
#include "server/metrics/server_metrics.h"
#include "server/service/classification_core.h"
#include "server/service/classifier_service.h"
#include "server/service/comparison_core.h"
#include "server/service/entrance.h"
#include "server/service/profile_administration.h"
#include "server/service/profiles_service.h"
#include "version/version.h"

namespace roberta::app {

namespace {

constexpr std::chrono::milliseconds kQuietAfterClose(100);
constexpr std::chrono::milliseconds kLongestWaitForQuiet(1000);

std::string HostPort(const std::string& host, uint32_t port) {
  const bool ipv6 = host.find(':') != std::string::npos && host.front() != '[';
  return ipv6 ? absl::StrCat("[", host, "]:", port) : absl::StrCat(host, ":", port);
}

service::RequestLimits LimitsOf(const config::ServerConfig& config) {
  return {.max_items = config.limits().max_items_per_call(),
          .max_item_characters = config.limits().max_item_characters()};
}

class ServerImpl final : public Server {
 public:
  ServerImpl(const config::ServerConfig& config, std::unique_ptr<registry::Registry> registry)
      : config_(config),
        registry_(std::move(registry)),
        metrics_(registry_->names(), &kernels::PrimitivesCreated),
        reporter_(registry_.get(), &metrics_),
        permits_(config.execution().queue_capacity_calls()),
        entrance_(&permits_),
        core_({.model_name = config.model().name(),
               .limits = LimitsOf(config),
               .max_batch_tokens = config.execution().max_batch_tokens()},
              {.registry = registry_.get(),
               .entrance = &entrance_,
               .tokenizers = &tokenizers_,
               .executors = &executors_,
               .metrics = &metrics_}),
        comparisons_(config.model().name(), LimitsOf(config),
                     {.registry = registry_.get(),
                      .entrance = &entrance_,
                      .tokenizers = &tokenizers_,
                      .executors = &executors_,
                      .metrics = &metrics_}),
        administration_({.registry = registry_.get(), .entrance = &entrance_, .loads = &loads_, .metrics = &metrics_}),
        tokenizers_(config.execution().tokenizer_workers()),
        executors_(config.execution().executors()),
        loads_(1),
        classifier_service_(&core_, &comparisons_),
        profiles_service_(config.model().name(), registry_.get(), &metrics_, &administration_) {
    registry_->Observe(&reporter_);
  }

  ~ServerImpl() override {
    if (grpc_server_ == nullptr) return;
    permits_.Close();
    grpc_server_->Shutdown(std::chrono::system_clock::now());
    grpc_server_->Wait();
    // A call that was cut off may still be in a pool; the pools' tasks use one another and the core.
    permits_.WaitUntilIdle(std::chrono::hours(1));
    reporter_.TellHealth(nullptr);
  }

  absl::Status Listen() {
    const std::string address = HostPort(config_.listen().host(), config_.listen().port());
    absl::StatusOr<uint16_t> metrics_port =
        metrics_.Expose(config_.listen().host(), static_cast<uint16_t>(config_.listen().metrics_port()));
    if (!metrics_port.ok()) return metrics_port.status();
    metrics_port_ = *metrics_port;

    grpc::EnableDefaultHealthCheckService(true);
    grpc::reflection::InitProtoReflectionServerBuilderPlugin();
    grpc::ServerBuilder builder;
    int port = 0;
    builder.AddListeningPort(address, grpc::InsecureServerCredentials(), &port);
    builder.AddChannelArgument(GRPC_ARG_ALLOW_REUSEPORT, 0);  // else a second server would share the port in silence
    builder.AddChannelArgument(GRPC_ARG_MAX_CONCURRENT_STREAMS,
                               static_cast<int>(config_.limits().max_concurrent_streams()));
    builder.SetMaxReceiveMessageSize(static_cast<int>(config_.limits().max_message_bytes()));
    builder.RegisterService(&classifier_service_);
    builder.RegisterService(&profiles_service_);
    grpc_server_ = builder.BuildAndStart();
    if (grpc_server_ == nullptr || port == 0) {
      grpc_server_.reset();
      return absl::AlreadyExistsError(absl::StrCat(
          "cannot listen on ", address, ": the port is in use or not permitted, or there is no such address"));
    }
    port_ = static_cast<uint16_t>(port);
    SetServing(false);
    reporter_.TellHealth(grpc_server_->GetHealthCheckService());
    for (const std::string& name : registry_->names()) {
      grpc_server_->GetHealthCheckService()->SetServingStatus("profile/" + name, false);
    }
    return absl::OkStatus();
  }

  absl::Status LoadProfiles() {
    for (const std::string& name : LoadOrder(config_)) {
      const absl::Status status = registry_->Load(name);
      if (status.ok() || name != config_.default_profile()) continue;
      return absl::Status(status.code(),
                          absl::StrCat("the default profile, ", name, ", did not load: ", status.message()));
    }
    entrance_.SetReady();
    SetServing(true);
    return absl::OkStatus();
  }

  void LogStart() const {
    const CpuBudget budget = ReadCpuBudget("/sys/fs/cgroup");
    spdlog::info("roberta-server {}: model {} (revision {}) from {}", version::kLong, config_.model().name(),
                 registry_->checkpoint().revision(), config_.model().directory());
    std::vector<std::string> isas;
    for (const kernels::Isa isa : kernels::HostIsas()) isas.emplace_back(kernels::IsaName(isa));
    spdlog::info(
        "cpu: {} cores by affinity, quota {}, {} executors, {} tokenizer workers; instruction sets {}{}, of which {} "
        "is the fastest here",
        budget.affinity_cores, budget.quota_cores > 0 ? absl::StrCat(budget.quota_cores, " cores") : "none",
        config_.execution().executors(), config_.execution().tokenizer_workers(), absl::StrJoin(isas, ", "),
        kernels::HostHasVnni() ? ", vnni" : "", kernels::IsaName(kernels::FastestIsa()));
  }

  void LogServing() const {
    for (const registry::ProfileStatus& status : registry_->List()) {
      if (status.state == registry::ProfileState::kUnloaded) spdlog::info("{}", ProfileLine(status));
    }
    spdlog::info("serving gRPC on {}, metrics on http://{}/metrics", HostPort(config_.listen().host(), port_),
                 HostPort(config_.listen().host(), metrics_port_));
  }

  bool Drain(std::chrono::milliseconds drain_delay, std::chrono::milliseconds drain_timeout) override {
    SetServing(false);
    reporter_.Stop();
    std::this_thread::sleep_for(drain_delay);
    permits_.Close();
    const bool idle = permits_.WaitUntilIdle(drain_timeout);
    // Once it shuts down, gRPC cancels late calls without asking us. Turn them away as UNAVAILABLE until they cease.
    permits_.WaitUntilQuiet(kQuietAfterClose, kLongestWaitForQuiet);
    // What is answered has still to leave: Shutdown waits for that, but not for long once every answer is given.
    grpc_server_->Shutdown(std::chrono::system_clock::now() + std::chrono::seconds(idle ? 5 : 0));
    return idle;
  }

  uint16_t port() const override { return port_; }
  uint16_t metrics_port() const override { return metrics_port_; }

 private:
  void SetServing(bool serving) {
    grpc::HealthCheckServiceInterface* health = grpc_server_->GetHealthCheckService();
    for (const char* name : {"", "roberta.v1.Classifier", "roberta.v1.Profiles"})
      health->SetServingStatus(name, serving);
  }

  const config::ServerConfig config_;
  const std::unique_ptr<registry::Registry> registry_;
  metrics::ServerMetrics metrics_;
  ProfileReporter reporter_;
  admission::Permits permits_;
  service::Entrance entrance_;
  service::ClassificationCore core_;
  service::ComparisonCore comparisons_;
  service::ProfileAdministration administration_;
  batching::WorkerPool tokenizers_;
  batching::WorkerPool executors_;
  batching::WorkerPool loads_;
  service::ClassifierService classifier_service_;
  service::ProfilesService profiles_service_;
  std::unique_ptr<grpc::Server> grpc_server_;
  uint16_t port_ = 0;
  uint16_t metrics_port_ = 0;
};

}  // namespace

absl::StatusOr<std::unique_ptr<Server>> Server::Start(const config::ServerConfig& config) {
  const auto sample_threads = std::make_shared<SampleThreads>(config.execution().executors());
  absl::StatusOr<std::unique_ptr<registry::Registry>> registry =
      registry::Registry::Open(ToRegistryOptions(config, sample_threads));
  if (!registry.ok()) return registry.status();
  auto server = std::make_unique<ServerImpl>(config, *std::move(registry));
  absl::Status status = server->Listen();
  if (!status.ok()) return status;
  server->LogStart();
  status = server->LoadProfiles();
  if (!status.ok()) return status;
  sample_threads->Set(1);  // a load at run time leaves the other cores to requests
  server->LogServing();
  return server;
}

}  // namespace roberta::app
