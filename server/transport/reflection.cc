#include "server/transport/reflection.h"

#include <google/protobuf/descriptor.h>
#include <google/protobuf/descriptor.pb.h>

#include <algorithm>
#include <set>
#include <string>
#include <vector>

#include "server/transport/port_services.h"
#include "server/transport/unary_reactor.h"

namespace roberta::transport {

using google::protobuf::Descriptor;
using google::protobuf::DescriptorPool;
using google::protobuf::FieldDescriptor;
using google::protobuf::FileDescriptor;
using grpc::reflection::v1::ServerReflectionRequest;
using grpc::reflection::v1::ServerReflectionResponse;

namespace {

/// Puts a file and all that it imports into `*files`, unless they are there.
void AddFile(const FileDescriptor* file, std::vector<const FileDescriptor*>* files) {
  if (std::ranges::find(*files, file) != files->end()) return;
  files->push_back(file);
  for (int i = 0; i < file->dependency_count(); ++i) AddFile(file->dependency(i), files);
}

const std::vector<const FileDescriptor*>& FilesOnPort() {
  static const std::vector<const FileDescriptor*> files = [] {
    std::vector<const FileDescriptor*> found;
    for (const auto* service : ServicesOnPort()) AddFile(service->file(), &found);
    return found;
  }();
  return files;
}

void SetError(grpc::StatusCode code, const std::string& what, ServerReflectionResponse* response) {
  response->mutable_error_response()->set_error_code(code);
  response->mutable_error_response()->set_error_message(what);
}

void Describe(const FileDescriptor* file, const std::string& sought, ServerReflectionResponse* response) {
  const std::vector<const FileDescriptor*>& known = FilesOnPort();
  if (std::ranges::find(known, file) == known.end()) {
    return SetError(grpc::StatusCode::NOT_FOUND, "there is no " + sought, response);
  }
  std::vector<const FileDescriptor*> files;
  AddFile(file, &files);
  for (const FileDescriptor* described : files) {
    google::protobuf::FileDescriptorProto proto;
    described->CopyTo(&proto);
    response->mutable_file_descriptor_response()->add_file_descriptor_proto(proto.SerializeAsString());
  }
}

void ListExtensions(const std::string& type, ServerReflectionResponse* response) {
  const DescriptorPool* pool = DescriptorPool::generated_pool();
  const Descriptor* const message = pool->FindMessageTypeByName(type);
  if (message == nullptr) return SetError(grpc::StatusCode::NOT_FOUND, "there is no message " + type, response);
  auto* numbers = response->mutable_all_extension_numbers_response();
  numbers->set_base_type_name(type);
  std::vector<const FieldDescriptor*> extensions;
  pool->FindAllExtensions(message, &extensions);
  for (const FieldDescriptor* extension : extensions) numbers->add_extension_number(extension->number());
}

class ReflectionStream final : public OrderedStream {
 public:
  ReflectionStream(OpenStreams* open, const Gate& gate, grpc::CallbackServerContext* context)
      : OrderedStream(open, gate, context) {
    Open();
  }

 private:
  class Answer final : public Exchange {
   public:
    explicit Answer(ReflectionStream* stream) : stream_(stream) {}
    void Start(const grpc::ByteBuffer& bytes) override {
      ServerReflectionRequest request;
      grpc::ByteBuffer response;
      grpc::Status status = ToGrpcStatus(ReadMessage(bytes, &request), {});
      if (status.ok()) status = WriteMessage(Reflect(request), &response);
      stream_->Respond(this, std::move(status), std::move(response));
    }

   private:
    ReflectionStream* const stream_;
  };
  std::shared_ptr<Exchange> MakeExchange() override { return std::make_shared<Answer>(this); }
};

}  // namespace

ServerReflectionResponse Reflect(const ServerReflectionRequest& request) {
  ServerReflectionResponse response;
  response.set_valid_host(request.host());
  *response.mutable_original_request() = request;
  const DescriptorPool* pool = DescriptorPool::generated_pool();
  switch (request.message_request_case()) {
    case ServerReflectionRequest::kListServices:
      for (const auto* service : ServicesOnPort()) {
        response.mutable_list_services_response()->add_service()->set_name(service->full_name());
      }
      break;
    case ServerReflectionRequest::kFileByFilename:
      Describe(pool->FindFileByName(request.file_by_filename()), "file " + request.file_by_filename(), &response);
      break;
    case ServerReflectionRequest::kFileContainingSymbol:
      Describe(pool->FindFileContainingSymbol(request.file_containing_symbol()),
               "symbol " + request.file_containing_symbol(), &response);
      break;
    case ServerReflectionRequest::kFileContainingExtension: {
      const auto& sought = request.file_containing_extension();
      const Descriptor* const type = pool->FindMessageTypeByName(sought.containing_type());
      const FieldDescriptor* const extension =
          type == nullptr ? nullptr : pool->FindExtensionByNumber(type, sought.extension_number());
      Describe(extension == nullptr ? nullptr : extension->file(),
               "extension " + std::to_string(sought.extension_number()) + " of " + sought.containing_type(), &response);
      break;
    }
    case ServerReflectionRequest::kAllExtensionNumbersOfType:
      ListExtensions(request.all_extension_numbers_of_type(), &response);
      break;
    case ServerReflectionRequest::MESSAGE_REQUEST_NOT_SET:
      SetError(grpc::StatusCode::INVALID_ARGUMENT, "message_request: it is not set", &response);
  }
  return response;
}

ReflectionService::ReflectionService(OpenStreams* open, const security::Guard* guard) {
  const Gate gate = {guard, security::Role::kMetadata};
  for (const char* method : {"/grpc.reflection.v1.ServerReflection/ServerReflectionInfo",
                             "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo"}) {
    AddStream(method,
              [open, gate](grpc::CallbackServerContext* context) { return new ReflectionStream(open, gate, context); });
  }
}

}  // namespace roberta::transport
