#include "server/service/classifier_service.h"

#include <memory>
#include <utility>

#include "server/service/call_metadata.h"
#include "server/service/grpc_status.h"
#include "server/service/raw_message.h"
#include "server/service/stream_reactor.h"

namespace roberta::service {

namespace {

/// Carries one call between gRPC and the core. gRPC's DefaultReactor has no cancel hook, hence one of our own.
class ClassifyReactor final : public grpc::ServerUnaryReactor {
 public:
  ClassifyReactor(grpc::CallbackServerContext* context, grpc::ByteBuffer* response)
      : context_(context),
        response_(response),
        call_(std::make_shared<ClassifyCall>(metrics::PhaseClock::Clock::now())) {}

  void Start(ClassificationCore* core, const grpc::ByteBuffer& request) {
    call_->identity = Identify(context_);
    call_->metadata_profile = ProfileOfMetadata(*context_);
    call_->deadline = context_->deadline();
    call_->done = [this](CallOutcome& outcome) { Complete(outcome); };
    if (absl::Status read = ReadMessage(request, &call_->request); !read.ok()) {
      core->Refuse(call_, std::move(read));
    } else {
      core->Start(call_);
    }
  }

  void OnCancel() override { call_->cancelled.store(true, std::memory_order_relaxed); }
  void OnDone() override { delete this; }

 private:
  void Complete(CallOutcome& outcome) {
    const v1::Phases& phases = outcome.response.phases();
    if (!outcome.response.profile_used().empty()) {
      context_->AddTrailingMetadata("x-profile-used", outcome.response.profile_used());
    }
    AddTimes(phases.queue_ns(), phases.infer_ns(), phases.total_ns(), context_);
    AddRetryPushback(outcome.status, context_);
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
  CompareReactor(grpc::CallbackServerContext* context, grpc::ByteBuffer* response)
      : context_(context),
        response_(response),
        call_(std::make_shared<ComparisonCall>(metrics::PhaseClock::Clock::now())) {}

  void Start(ComparisonCore* core, const grpc::ByteBuffer& request) {
    call_->identity = Identify(context_);
    call_->deadline = context_->deadline();
    call_->done = [this](ComparisonCall& call) { Complete(call); };
    if (absl::Status read = ReadMessage(request, &call_->request); !read.ok()) {
      core->Refuse(call_, std::move(read));
    } else {
      core->Start(call_);
    }
  }

  void OnCancel() override { call_->cancelled.store(true, std::memory_order_relaxed); }
  void OnDone() override { delete this; }

 private:
  void Complete(const ComparisonCall& call) {
    AddTimes(call.clock.spent_ns(metrics::Phase::kQueue), call.clock.spent_ns(metrics::Phase::kInfer),
             call.clock.total_ns(), context_);
    AddRetryPushback(call.status, context_);
    grpc::Status status = ToGrpcStatus(call.status, call.problems);
    Finish(status.ok() ? WriteMessage(call.response, response_) : std::move(status));
  }

  grpc::CallbackServerContext* const context_;
  grpc::ByteBuffer* const response_;
  const std::shared_ptr<ComparisonCall> call_;
};

}  // namespace

grpc::ServerBidiReactor<grpc::ByteBuffer, grpc::ByteBuffer>* ClassifierService::ClassifyStream(
    grpc::CallbackServerContext* context) {
  return StartStreamReactor(streams_, context);
}

grpc::ServerUnaryReactor* ClassifierService::Compare(grpc::CallbackServerContext* context,
                                                     const grpc::ByteBuffer* request, grpc::ByteBuffer* response) {
  auto* reactor = new CompareReactor(context, response);
  reactor->Start(comparisons_, *request);
  return reactor;
}

grpc::ServerUnaryReactor* ClassifierService::Classify(grpc::CallbackServerContext* context,
                                                      const grpc::ByteBuffer* request, grpc::ByteBuffer* response) {
  auto* reactor = new ClassifyReactor(context, response);
  reactor->Start(core_, *request);
  return reactor;
}

}  // namespace roberta::service
