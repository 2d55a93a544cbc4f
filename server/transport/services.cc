#include "server/transport/services.h"

#include "server/transport/metadata.h"
#include "server/transport/reactors.h"

namespace roberta::transport {

using grpc::ByteBuffer;
using grpc::CallbackServerContext;
using grpc::ServerUnaryReactor;
using service::ProfileAdministration;

ServerUnaryReactor* ClassifierService::Classify(CallbackServerContext* context, const ByteBuffer* request,
                                                ByteBuffer* response) {
  return StartUnary<service::ClassifyCall>(classification_, &service::Classification::Start, context, *request,
                                           response);
}

grpc::ServerBidiReactor<ByteBuffer, ByteBuffer>* ClassifierService::ClassifyStream(CallbackServerContext* context) {
  return StartStreamReactor(streams_, context);
}

ServerUnaryReactor* ClassifierService::Compare(CallbackServerContext* context, const ByteBuffer* request,
                                               ByteBuffer* response) {
  return StartUnary<service::ComparisonCall>(comparison_, &service::Comparison::Start, context, *request, response);
}

ServerUnaryReactor* ProfilesService::ListProfiles(CallbackServerContext* context,
                                                  const v1::ListProfilesRequest* /*request*/,
                                                  v1::ListProfilesResponse* response) {
  *response = administration_->List(ReadHead(context));
  ServerUnaryReactor* reactor = context->DefaultReactor();
  reactor->Finish(grpc::Status::OK);
  return reactor;
}

ServerUnaryReactor* ProfilesService::LoadProfile(CallbackServerContext* context, const ByteBuffer* request,
                                                 ByteBuffer* response) {
  return StartUnary<service::LoadCall>(administration_, &ProfileAdministration::Load, context, *request, response);
}

ServerUnaryReactor* ProfilesService::UnloadProfile(CallbackServerContext* context, const ByteBuffer* request,
                                                   ByteBuffer* response) {
  return StartUnary<service::UnloadCall>(administration_, &ProfileAdministration::Unload, context, *request, response);
}

ServerUnaryReactor* ProfilesService::SetDefaultProfile(CallbackServerContext* context, const ByteBuffer* request,
                                                       ByteBuffer* response) {
  return StartUnary<service::SetDefaultCall>(administration_, &ProfileAdministration::SetDefault, context, *request,
                                             response);
}

}  // namespace roberta::transport
