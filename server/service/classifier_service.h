#pragma once

#include "roberta/v1/classifier.grpc.pb.h"
#include "server/service/classification_core.h"
#include "server/service/comparison_core.h"

namespace roberta::service {

/// roberta.v1.Classifier over gRPC's callback API. Requests are read from the wire as their raw twins (see
/// proto/roberta/internal). Both cores must outlive the server that this is registered with.
class ClassifierService final : public v1::Classifier::WithRawCallbackMethod_Classify<
                                    v1::Classifier::WithRawCallbackMethod_Compare<v1::Classifier::Service>> {
 public:
  ClassifierService(ClassificationCore* core, ComparisonCore* comparisons) : core_(core), comparisons_(comparisons) {}

  grpc::ServerUnaryReactor* Classify(grpc::CallbackServerContext* context, const grpc::ByteBuffer* request,
                                     grpc::ByteBuffer* response) override;
  grpc::ServerUnaryReactor* Compare(grpc::CallbackServerContext* context, const grpc::ByteBuffer* request,
                                    grpc::ByteBuffer* response) override;

 private:
  ClassificationCore* const core_;
  ComparisonCore* const comparisons_;
};

}  // namespace roberta::service
