#include "server/transport/health.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "server/call/failure_reason.h"
#include "server/service/profile_backend.h"
#include "server/transport/unary_reactor.h"

namespace roberta::transport {

using call::FailureReason;
using call::MakeStatus;
using grpc::CallbackServerContext;
using grpc::health::v1::HealthCheckRequest;
using grpc::health::v1::HealthCheckResponse;

namespace {

constexpr size_t kMostNameBytes = 200;  // those who watch a name that nobody knows have it kept here

HealthCheckResponse ResponseOf(HealthCheckResponse::ServingStatus status) {
  HealthCheckResponse response;
  response.set_status(status);
  return response;
}

absl::Status CheckName(const HealthCheckRequest& request) {
  if (request.service().size() <= kMostNameBytes) return absl::OkStatus();
  return MakeStatus(FailureReason::kBadField, absl::StrCat("service: it has more than ", kMostNameBytes, " bytes"));
}

}  // namespace

/// Tells a client what a service is, and again when that has changed and the client has taken the message before, so
/// that one that reads slowly misses what was in between. Owned by gRPC. Guarded by the mutex of the service.
class HealthService::Watch final : public RawService::Stream {
 public:
  Watch(HealthService* health, CallbackServerContext* context) : health_(health), peer_(context->peer()) {
    StartRead(&in_);
  }

  void OnReadDone(bool ok) override {
    HealthCheckRequest request;
    absl::Status status = ReadMessage(ok ? in_ : grpc::ByteBuffer(), &request);
    if (status.ok()) status = CheckName(request);
    Lock lock(health_->mutex_);
    service_ = request.service();
    if (status.ok() && !finished_) status = health_->Add(this);
    if (!status.ok()) end_ = ToGrpcStatus(status, {});
    Step(std::move(lock));
  }
  void OnWriteDone(bool ok) override {
    Lock lock(health_->mutex_);
    writing_ = false;
    if (!ok) end_ = grpc::Status::CANCELLED;
    Step(std::move(lock));
  }
  void OnCancel() override {
    Lock lock(health_->mutex_);
    end_ = grpc::Status::CANCELLED;
    Step(std::move(lock));
  }
  void OnDone() override {
    {
      const Lock lock(health_->mutex_);
      health_->Remove(this);
    }
    delete this;
  }

  /// Does what is to be done now, and releases the lock. The watch may be gone then.
  void Step(Lock lock) {
    if (finished_ || writing_) return;
    if (end_) {
      finished_ = true;
      const grpc::Status status = *end_;
      lock.unlock();
      return Finish(status);
    }
    if (!added_) return;
    const auto status = health_->StatusOf(service_).value_or(HealthCheckResponse::SERVICE_UNKNOWN);
    if (std::exchange(told_, status) == status) return;
    WriteMessage(ResponseOf(status), &out_);
    writing_ = true;
    StartWrite(&out_);
  }

 private:
  friend class HealthService;

  HealthService* const health_;
  const std::string peer_;
  grpc::ByteBuffer in_, out_;
  std::string service_;
  std::optional<ServingStatus> told_;
  std::optional<grpc::Status> end_;  ///< what it is to end with
  bool added_ = false;
  bool writing_ = false;
  bool finished_ = false;
};

HealthService::HealthService() {
  const Gate open_to_all = {.guard = nullptr, .needed = security::Role::kNone};
  AddUnary(
      "/grpc.health.v1.Health/Check",
      [this, open_to_all](CallbackServerContext* context, const grpc::ByteBuffer* request, grpc::ByteBuffer* response) {
        return AnswerAtOnce<HealthCheckRequest>(
            open_to_all, context, *request, response,
            [this](const HealthCheckRequest& asked) -> absl::StatusOr<HealthCheckResponse> {
              const Lock lock(mutex_);
              if (const auto status = StatusOf(asked.service())) return ResponseOf(*status);
              return absl::NotFoundError("the server has no service of that name");
            });
      });
  AddStream("/grpc.health.v1.Health/Watch",
            [this](CallbackServerContext* context) { return new Watch(this, context); });
}

void HealthService::Set(const std::string& service, bool serving) {
  {
    const Lock lock(mutex_);
    serving_[service] = serving;
  }
  StepAll();
}

void HealthService::Stop() {
  {
    const Lock lock(mutex_);
    stopped_ = true;
  }
  StepAll();
}

void HealthService::EndWatches() {
  {
    const Lock lock(mutex_);
    ended_ = true;
    for (Watch* watch : watches_) watch->end_ = ToGrpcStatus(service::Draining(), {});
  }
  StepAll();
}

std::optional<HealthService::ServingStatus> HealthService::StatusOf(std::string_view service) const {
  const auto found = serving_.find(service);
  if (found == serving_.end()) return std::nullopt;
  return found->second && !stopped_ ? HealthCheckResponse::SERVING : HealthCheckResponse::NOT_SERVING;
}

absl::Status HealthService::Add(Watch* watch) {
  if (ended_) return service::Draining();
  const auto of_connection = per_connection_.find(watch->peer_);
  const bool connection_is_full = of_connection != per_connection_.end() &&
                                  of_connection->second >= kMostWatchesOfConnection &&
                                  !watch->peer_.starts_with("unix:");
  if (connection_is_full || watches_.size() >= kMostWatches) {
    return MakeStatus(FailureReason::kTooManyCalls,
                      connection_is_full
                          ? absl::StrCat("the connection has ", kMostWatchesOfConnection, " watches of health already")
                          : absl::StrCat("there are ", kMostWatches, " watches of health already"));
  }
  watches_.insert(watch);
  ++per_connection_[watch->peer_];
  watch->added_ = true;
  return absl::OkStatus();
}

void HealthService::Remove(Watch* watch) {
  if (watches_.erase(watch) == 0) return;
  const auto of_connection = per_connection_.find(watch->peer_);
  if (--of_connection->second == 0) per_connection_.erase(of_connection);
}

/// One at a time, so that nobody who asks meanwhile waits for all of them.
void HealthService::StepAll() {
  Watch* last = nullptr;
  while (true) {
    Lock lock(mutex_);
    const auto next = watches_.upper_bound(last);
    if (next == watches_.end()) return;
    last = *next;
    last->Step(std::move(lock));
  }
}

}  // namespace roberta::transport
