#pragma once

#include <grpcpp/grpcpp.h>

#include "roberta/v1/classifier.grpc.pb.h"
#include "roberta/v1/profiles.grpc.pb.h"
#include "server/security/guard.h"
#include "server/service/classification.h"
#include "server/service/classify_stream.h"
#include "server/service/comparison.h"
#include "server/service/profile_administration.h"
#include "server/transport/first_messages.h"
#include "server/transport/load_reports.h"

namespace roberta::transport {

/// roberta.v1.Classifier over gRPC's callback API. Requests are read from the wire as their raw twins (see
/// proto/roberta/internal). Without a guard everybody may call, without load reports no call has one. Everything
/// pointed to must outlive the server that this is registered with.
class ClassifierService final
    : public v1::Classifier::WithRawCallbackMethod_Classify<v1::Classifier::WithRawCallbackMethod_ClassifyStream<
          v1::Classifier::WithRawCallbackMethod_Compare<v1::Classifier::Service>>> {
 public:
  ClassifierService(service::Classification* classification, service::ClassifyStreams* streams,
                    service::Comparison* comparison, const security::Guard* guard = nullptr,
                    const LoadReports* load = nullptr)
      : classification_(classification), streams_(streams), comparison_(comparison), guard_(guard), load_(load) {
    // By their places in the proto file.
    MarkMethodStreamed(0, HandleUnary([this](auto*... call) { return Classify(call...); }));
    MarkMethodStreamed(2, HandleUnary([this](auto*... call) { return Compare(call...); }));
  }

  grpc::ServerUnaryReactor* Classify(grpc::CallbackServerContext* context, const grpc::ByteBuffer* request,
                                     grpc::ByteBuffer* response) override;
  grpc::ServerBidiReactor<grpc::ByteBuffer, grpc::ByteBuffer>* ClassifyStream(
      grpc::CallbackServerContext* context) override;
  grpc::ServerUnaryReactor* Compare(grpc::CallbackServerContext* context, const grpc::ByteBuffer* request,
                                    grpc::ByteBuffer* response) override;

 private:
  service::Classification* const classification_;
  service::ClassifyStreams* const streams_;
  service::Comparison* const comparison_;
  const security::Guard* const guard_;
  const LoadReports* const load_;
};

/// roberta.v1.Profiles over gRPC's callback API; requests that name a profile are read from the wire as
/// RawProfileRequest. Without a guard everybody may call. Both must outlive the server that this is registered with.
class ProfilesService final
    : public v1::Profiles::WithRawCallbackMethod_ListProfiles<
          v1::Profiles::WithRawCallbackMethod_LoadProfile<v1::Profiles::WithRawCallbackMethod_UnloadProfile<
              v1::Profiles::WithRawCallbackMethod_SetDefaultProfile<v1::Profiles::Service>>>> {
 public:
  explicit ProfilesService(service::ProfileAdministration* administration, const security::Guard* guard = nullptr)
      : administration_(administration), guard_(guard) {
    MarkMethodStreamed(0, HandleUnary([this](auto*... call) { return ListProfiles(call...); }));
    MarkMethodStreamed(1, HandleUnary([this](auto*... call) { return LoadProfile(call...); }));
    MarkMethodStreamed(2, HandleUnary([this](auto*... call) { return UnloadProfile(call...); }));
    MarkMethodStreamed(3, HandleUnary([this](auto*... call) { return SetDefaultProfile(call...); }));
  }

  grpc::ServerUnaryReactor* ListProfiles(grpc::CallbackServerContext* context, const grpc::ByteBuffer* request,
                                         grpc::ByteBuffer* response) override;
  grpc::ServerUnaryReactor* LoadProfile(grpc::CallbackServerContext* context, const grpc::ByteBuffer* request,
                                        grpc::ByteBuffer* response) override;
  grpc::ServerUnaryReactor* UnloadProfile(grpc::CallbackServerContext* context, const grpc::ByteBuffer* request,
                                          grpc::ByteBuffer* response) override;
  grpc::ServerUnaryReactor* SetDefaultProfile(grpc::CallbackServerContext* context, const grpc::ByteBuffer* request,
                                              grpc::ByteBuffer* response) override;

 private:
  service::ProfileAdministration* const administration_;
  const security::Guard* const guard_;
};

}  // namespace roberta::transport
