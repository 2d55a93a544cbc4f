#pragma once

#include "roberta/v1/classifier.grpc.pb.h"
#include "server/service/classification_core.h"

namespace roberta::service {

/// roberta.v1.Classifier over gRPC's callback API. Requests are read from the wire as RawClassifyRequest (see
/// proto/roberta/internal). `core` must outlive the server that this is registered with.
class ClassifierService final : public v1::Classifier::WithRawCallbackMethod_Classify<v1::Classifier::Service> {
 public:
  explicit ClassifierService(ClassificationCore* core) : core_(core) {}

  grpc::ServerUnaryReactor* Classify(grpc::CallbackServerContext* context, const grpc::ByteBuffer* request,
                                     grpc::ByteBuffer* response) override;

 private:
  ClassificationCore* const core_;
};

}  // namespace roberta::service
