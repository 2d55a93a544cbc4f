#pragma once

#include <grpcpp/grpcpp.h>

#include <functional>
#include <memory>

#include "client/client.h"
#include "roberta/v1/classifier.grpc.pb.h"

namespace roberta::client {

/// Makes an absl::Status of how a call ended.
using StatusReader = std::function<absl::Status(const grpc::Status&, const grpc::ClientContext&)>;

/// Starts the call. `prepare` gets its context before it starts, and `release` gets it after the last event, when
/// nothing uses it any more.
std::unique_ptr<ClassifyStream> StartStreamReactor(v1::Classifier::Stub* stub, StreamEvents events,
                                                   StatusReader read_status,
                                                   const std::function<void(grpc::ClientContext*)>& prepare,
                                                   std::function<void(grpc::ClientContext*)> release);

}  // namespace roberta::client
