#pragma once

#include <grpcpp/grpcpp.h>
#include <grpcpp/impl/codegen/server_callback_handlers.h>
#include <grpcpp/impl/rpc_service_method.h>
#include <grpcpp/impl/service_type.h>
#include <grpcpp/support/server_callback.h>

#include <functional>
#include <utility>

#include "server/transport/first_messages.h"

namespace roberta::transport {

/// A gRPC service by a table of methods, whose messages are read and written as bytes. It uses of gRPC what generated
/// code uses. Methods of its name that are not in the table are for the generic service, see Unserved.
class RawService : public grpc::Service {
 public:
  using Stream = grpc::ServerBidiReactor<grpc::ByteBuffer, grpc::ByteBuffer>;

 protected:
  /// `method` is a literal: "/tei.v1.Info/Info".
  void AddUnary(const char* method, StartUnaryCall start) { Add(method, HandleUnary(std::move(start))); }
  void AddStream(const char* method, std::function<Stream*(grpc::CallbackServerContext*)> start) {
    using Handler = grpc::internal::CallbackBidiHandler<grpc::ByteBuffer, grpc::ByteBuffer>;
    Add(method, new Handler(std::move(start)));
  }

 private:
  void Add(const char* method, grpc::internal::MethodHandler* handler) {
    using grpc::internal::RpcMethod;
    AddMethod(new grpc::internal::RpcServiceMethod(method, RpcMethod::BIDI_STREAMING, nullptr));
    MarkMethodRawCallback(methods_++, handler);
  }

  int methods_ = 0;
};

}  // namespace roberta::transport
