#pragma once

#include "roberta/v1/classifier.grpc.pb.h"
#include "server/service/classification_core.h"
#include "server/service/comparison_core.h"
#include "server/service/stream_core.h"

namespace roberta::service {

/// roberta.v1.Classifier over gRPC's callback API. Requests are read from the wire as their raw twins (see
/// proto/roberta/internal). The cores must outlive the server that this is registered with.
class ClassifierService final
    : public v1::Classifier::WithRawCallbackMethod_Classify<v1::Classifier::WithRawCallbackMethod_ClassifyStream<
          v1::Classifier::WithRawCallbackMethod_Compare<v1::Classifier::Service>>> {
 public:
  ClassifierService(ClassificationCore* core, StreamCore* streams, ComparisonCore* comparisons)
      : core_(core), streams_(streams), comparisons_(comparisons) {}

  grpc::ServerUnaryReactor* Classify(grpc::CallbackServerContext* context, const grpc::ByteBuffer* request,
                                     grpc::ByteBuffer* response) override;
  grpc::ServerBidiReactor<grpc::ByteBuffer, grpc::ByteBuffer>* ClassifyStream(
      grpc::CallbackServerContext* context) override;
  grpc::ServerUnaryReactor* Compare(grpc::CallbackServerContext* context, const grpc::ByteBuffer* request,
                                    grpc::ByteBuffer* response) override;

 private:
  ClassificationCore* const core_;
  StreamCore* const streams_;
  ComparisonCore* const comparisons_;
};

}  // namespace roberta::service
