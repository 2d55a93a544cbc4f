#pragma once

#include <grpcpp/grpcpp.h>

#include <functional>
#include <memory>

#include "client/classify_stream.h"
#include "roberta/v1/classifier.grpc.pb.h"

namespace roberta::client {

/// Turns how a call ended into a status of ours.
using StatusReader = absl::Status (*)(const grpc::Status&, const grpc::ClientContext&);

/// Starts the call. `prepare` is told of its context before it starts, and `release` after its last event, when nothing
/// uses the context any more.
std::unique_ptr<ClassifyStream> StartStreamReactor(v1::Classifier::Stub* stub, StreamEvents events,
                                                   StatusReader read_status,
                                                   const std::function<void(grpc::ClientContext*)>& prepare,
                                                   std::function<void(grpc::ClientContext*)> release);

}  // namespace roberta::client
