#include "server/service/classifier_service.h"

#include <cstdio>
#include <memory>
#include <utility>

#include "server/service/grpc_status.h"
#include "server/service/raw_message.h"

namespace roberta::service {

namespace {

std::string Milliseconds(int64_t nanoseconds) {
  char text[32];
  std::snprintf(text, sizeof text, "%.3f", static_cast<double>(nanoseconds) * 1e-6);
  return text;
}

/// Carries one call between gRPC and the core. gRPC's DefaultReactor has no cancel hook, hence one of our own.
class ClassifyReactor final : public grpc::ServerUnaryReactor {
 public:
  ClassifyReactor(grpc::CallbackServerContext* context, grpc::ByteBuffer* response)
      : context_(context),
        response_(response),
        call_(std::make_shared<ClassifyCall>(metrics::PhaseClock::Clock::now())) {}

  void Start(ClassificationCore* core, const grpc::ByteBuffer& request) {
    if (const absl::Status read = ReadMessage(request, &call_->request); !read.ok()) {
      Finish(ToGrpcStatus(read, {}));
      return;
    }
    const auto& metadata = context_->client_metadata();
    if (const auto found = metadata.find("x-profile"); found != metadata.end()) {
      call_->metadata_profile.assign(found->second.data(), found->second.size());
    }
    call_->deadline = context_->deadline();
    call_->done = [this](CallOutcome& outcome) { Complete(outcome); };
    core->Start(call_);
  }

  void OnCancel() override { call_->cancelled.store(true, std::memory_order_relaxed); }
  void OnDone() override { delete this; }

 private:
  void Complete(CallOutcome& outcome) {
    const v1::Phases& phases = outcome.response.phases();
    if (!outcome.response.profile_used().empty()) {
      context_->AddTrailingMetadata("x-profile-used", outcome.response.profile_used());
    }
    context_->AddTrailingMetadata("x-queue-time", Milliseconds(phases.queue_ns()));
    context_->AddTrailingMetadata("x-inference-time", Milliseconds(phases.infer_ns()));
    context_->AddTrailingMetadata("x-total-time", Milliseconds(phases.total_ns()));
    grpc::Status status = ToGrpcStatus(outcome.status, outcome.problems);
    if (status.ok()) status = WriteMessage(outcome.response, response_);
    Finish(std::move(status));
  }

  grpc::CallbackServerContext* const context_;
  grpc::ByteBuffer* const response_;
  const std::shared_ptr<ClassifyCall> call_;
};

/// Carries one Compare call between gRPC and its core.
class CompareReactor final : public grpc::ServerUnaryReactor {
 public:
  explicit CompareReactor(grpc::ByteBuffer* response)
      : response_(response), call_(std::make_shared<ComparisonCall>(metrics::PhaseClock::Clock::now())) {}

  void Start(ComparisonCore* core, const grpc::CallbackServerContext& context, const grpc::ByteBuffer& request) {
    if (const absl::Status read = ReadMessage(request, &call_->request); !read.ok()) {
      Finish(ToGrpcStatus(read, {}));
      return;
    }
    call_->deadline = context.deadline();
    call_->done = [this](ComparisonCall& call) {
      grpc::Status status = ToGrpcStatus(call.status, call.problems);
      Finish(status.ok() ? WriteMessage(call.response, response_) : std::move(status));
    };
    core->Start(call_);
  }

  void OnCancel() override { call_->cancelled.store(true, std::memory_order_relaxed); }
  void OnDone() override { delete this; }

 private:
  grpc::ByteBuffer* const response_;
  const std::shared_ptr<ComparisonCall> call_;
};

}  // namespace

grpc::ServerUnaryReactor* ClassifierService::Compare(grpc::CallbackServerContext* context,
                                                     const grpc::ByteBuffer* request, grpc::ByteBuffer* response) {
  auto* reactor = new CompareReactor(response);
  reactor->Start(comparisons_, *context, *request);
  return reactor;
}

grpc::ServerUnaryReactor* ClassifierService::Classify(grpc::CallbackServerContext* context,
                                                      const grpc::ByteBuffer* request, grpc::ByteBuffer* response) {
  auto* reactor = new ClassifyReactor(context, response);
  reactor->Start(core_, *request);
  return reactor;
}

}  // namespace roberta::service
