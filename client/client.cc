#include "client/client.h"

#include <grpcpp/grpcpp.h>

#include <condition_variable>
#include <mutex>
#include <set>
#include <utility>

#include "absl/strings/cord.h"
#include "absl/strings/str_cat.h"
#include "client/channel.h"
#include "client/service_config.h"
#include "client/stream_reactor.h"
#include "google/rpc/error_details.pb.h"
#include "google/rpc/status.pb.h"
#include "grpc/health/v1/health.grpc.pb.h"
#include "roberta/v1/classifier.grpc.pb.h"
#include "roberta/v1/profiles.grpc.pb.h"
#include "version/version.h"

namespace roberta::client {
namespace {

using grpc::health::v1::HealthCheckRequest;
using grpc::health::v1::HealthCheckResponse;

constexpr char kBadRequestUrl[] = "type.googleapis.com/google.rpc.BadRequest";
constexpr char kRequestIdPayload[] = "roberta/request_id";

/// `context` is that of the call that ended with `status`.
absl::Status ToStatus(const grpc::Status& status, const grpc::ClientContext& context) {
  if (status.ok()) return absl::OkStatus();
  absl::Status result(static_cast<absl::StatusCode>(status.error_code()), status.error_message());
  const auto& trailers = context.GetServerTrailingMetadata();
  if (const auto id = trailers.find("x-request-id"); id != trailers.end()) {
    result.SetPayload(kRequestIdPayload, absl::Cord(std::string(id->second.data(), id->second.size())));
  }
  google::rpc::Status rich;
  if (status.error_details().empty() || !rich.ParseFromString(status.error_details())) return result;
  for (const google::protobuf::Any& detail : rich.details()) {
    result.SetPayload(detail.type_url(), absl::Cord(detail.value()));
  }
  return result;
}

Health ToHealth(HealthCheckResponse::ServingStatus status) {
  static_assert(static_cast<int>(Health::kServing) == HealthCheckResponse::SERVING &&
                    static_cast<int>(Health::kServiceUnknown) == HealthCheckResponse::SERVICE_UNKNOWN,
                "the two enumerations share their numbers");
  return HealthCheckResponse::ServingStatus_IsValid(status) ? static_cast<Health>(status) : Health::kUnknown;
}

template <typename Request>
Request Naming(const std::string& profile) {
  Request request;
  request.set_name(profile);
  return request;
}

absl::Status CheckTimeout(Timeout timeout) {
  if (timeout > Timeout::zero()) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat("timeout is ", timeout.count(), " ms; it must be positive"));
}

/// gRPC waits so long for one of several addresses before it tries the next one, and 20 s by default.
constexpr int kConnectTimeoutMs = 4000;

std::shared_ptr<grpc::Channel> MakeChannelOf(const ClientOptions& options) {
  grpc::ChannelArguments arguments;
  arguments.SetInt(GRPC_ARG_MIN_RECONNECT_BACKOFF_MS, kConnectTimeoutMs);
  arguments.SetServiceConfigJSON(kServiceConfig);
  arguments.SetUserAgentPrefix(absl::StrCat("roberta-client/", version::kVersion));
  arguments.SetMaxReceiveMessageSize(options.max_response_bytes);
  return MakeChannel(options.address, options.credentials, std::move(arguments));
}

}  // namespace

std::string_view HealthName(Health health) {
  constexpr std::string_view kNames[] = {"UNKNOWN", "SERVING", "NOT_SERVING", "SERVICE_UNKNOWN"};
  return kNames[static_cast<size_t>(health)];
}

/// The channel, and the calls in flight on it.
struct Client::Connection {
  explicit Connection(const ClientOptions& options)
      : token(options.credentials.token),
        through_proxy(ThroughProxy(options.address)),
        channel(MakeChannelOf(options)),
        classifier(v1::Classifier::NewStub(channel)),
        profiles(v1::Profiles::NewStub(channel)),
        health(grpc::health::v1::Health::NewStub(channel)) {}

  void Add(grpc::ClientContext* context, Timeout timeout) {
    context->set_deadline(std::chrono::system_clock::now() + timeout);
    AddToken(token, context);
    const std::lock_guard<std::mutex> lock(mutex);
    in_flight.insert(context);
    ++unfinished;
  }
  /// It can no longer be cancelled.
  void Remove(grpc::ClientContext* context) {
    const std::lock_guard<std::mutex> lock(mutex);
    in_flight.erase(context);
  }
  /// Nothing of a call that was added needs this any more.
  void Finish() {
    const std::lock_guard<std::mutex> lock(mutex);
    if (--unfinished == 0) all_finished.notify_all();
  }
  void CancelAll() {
    const std::lock_guard<std::mutex> lock(mutex);
    for (grpc::ClientContext* context : in_flight) context->TryCancel();
  }
  void WaitForAll() {
    std::unique_lock<std::mutex> lock(mutex);
    all_finished.wait(lock, [this] { return unfinished == 0; });
  }

  /// ToStatus, which also says what a connection that failed went through.
  absl::Status StatusOf(const grpc::Status& status, const grpc::ClientContext& context) const {
    const bool unreachable = status.error_code() == grpc::StatusCode::UNAVAILABLE;
    if (!unreachable || through_proxy.empty() || !context.GetServerTrailingMetadata().empty()) {
      return ToStatus(status, context);
    }
    return ToStatus(grpc::Status(status.error_code(), status.error_message() + through_proxy), context);
  }

  /// Runs `call(&context)`, a blocking call, within `timeout`.
  template <typename Call>
  absl::Status Run(Timeout timeout, const Call& call) {
    if (absl::Status bad = CheckTimeout(timeout); !bad.ok()) return bad;
    grpc::ClientContext context;
    Add(&context, timeout);
    const grpc::Status status = call(&context);
    Remove(&context);
    Finish();
    return StatusOf(status, context);
  }

  /// Calls `rpc` of `stub` and waits for its response, within `timeout`.
  template <typename Stub, typename Request, typename Response>
  absl::StatusOr<Response> Call(const std::unique_ptr<Stub>& stub,
                                grpc::Status (Stub::*rpc)(grpc::ClientContext*, const Request&, Response*),
                                const Request& request, Timeout timeout) {
    Response response;
    absl::Status status =
        Run(timeout, [&](grpc::ClientContext* context) { return (*stub.*rpc)(context, request, &response); });
    if (!status.ok()) return status;
    return response;
  }

  const std::string token;
  const std::string through_proxy;
  const std::shared_ptr<grpc::Channel> channel;
  const std::unique_ptr<v1::Classifier::Stub> classifier;
  const std::unique_ptr<v1::Profiles::Stub> profiles;
  const std::unique_ptr<grpc::health::v1::Health::Stub> health;
  std::mutex mutex;
  std::condition_variable all_finished;
  std::set<grpc::ClientContext*> in_flight;
  size_t unfinished = 0;
};

Client::Client(const ClientOptions& options) : connection_(std::make_unique<Connection>(options)) {}

Client::~Client() {
  connection_->CancelAll();
  connection_->WaitForAll();
}

void Client::CancelCalls() {
  connection_->CancelAll();
}

absl::StatusOr<v1::ClassifyResponse> Client::Classify(const v1::ClassifyRequest& request, Timeout timeout) {
  return connection_->Call(connection_->classifier, &v1::Classifier::Stub::Classify, request, timeout);
}

void Client::StartClassify(v1::ClassifyRequest request, Timeout timeout, ClassifyDone done) {
  if (absl::Status bad = CheckTimeout(timeout); !bad.ok()) return done(std::move(bad));
  struct Call {
    grpc::ClientContext context;
    v1::ClassifyRequest request;
    v1::ClassifyResponse response;
    ClassifyDone done;
  };
  auto* call = new Call{{}, std::move(request), {}, std::move(done)};
  connection_->Add(&call->context, timeout);
  auto end = [call, connection = connection_.get()](grpc::Status status) {
    if (status.ok()) {
      call->done(std::move(call->response));
    } else {
      call->done(connection->StatusOf(status, call->context));
    }
    connection->Remove(&call->context);
    // The context holds the channel. Were it deleted when the client may be gone, gRPC would tear down its threads from
    // within one of them, and abort.
    delete call;
    connection->Finish();
  };
  connection_->classifier->async()->Classify(&call->context, &call->request, &call->response, std::move(end));
}

absl::StatusOr<std::unique_ptr<ClassifyStream>> Client::StartClassifyStream(Timeout timeout, StreamEvents events) {
  if (absl::Status bad = CheckTimeout(timeout); !bad.ok()) return bad;
  Connection* const connection = connection_.get();
  return StartStreamReactor(
      connection->classifier.get(), std::move(events),
      [=](const grpc::Status& status, const grpc::ClientContext& context) {
        return connection->StatusOf(status, context);
      },
      [=](grpc::ClientContext* context) { connection->Add(context, timeout); },
      [=](grpc::ClientContext* context) {
        connection->Remove(context);
        connection->Finish();
      });
}

absl::StatusOr<v1::CompareResponse> Client::Compare(const v1::CompareRequest& request, Timeout timeout) {
  return connection_->Call(connection_->classifier, &v1::Classifier::Stub::Compare, request, timeout);
}

absl::StatusOr<v1::ListProfilesResponse> Client::ListProfiles(Timeout timeout) {
  return connection_->Call(connection_->profiles, &v1::Profiles::Stub::ListProfiles, {}, timeout);
}

absl::StatusOr<v1::LoadProfileResponse> Client::LoadProfile(const std::string& name, Timeout timeout) {
  return connection_->Call(connection_->profiles, &v1::Profiles::Stub::LoadProfile,
                           Naming<v1::LoadProfileRequest>(name), timeout);
}

absl::StatusOr<v1::UnloadProfileResponse> Client::UnloadProfile(const std::string& name, Timeout timeout) {
  return connection_->Call(connection_->profiles, &v1::Profiles::Stub::UnloadProfile,
                           Naming<v1::UnloadProfileRequest>(name), timeout);
}

absl::StatusOr<v1::SetDefaultProfileResponse> Client::SetDefaultProfile(const std::string& name, Timeout timeout) {
  return connection_->Call(connection_->profiles, &v1::Profiles::Stub::SetDefaultProfile,
                           Naming<v1::SetDefaultProfileRequest>(name), timeout);
}

absl::StatusOr<Health> Client::CheckHealth(const std::string& service, Timeout timeout) {
  HealthCheckRequest request;
  request.set_service(service);
  const auto response =
      connection_->Call(connection_->health, &grpc::health::v1::Health::Stub::Check, request, timeout);
  if (absl::IsNotFound(response.status())) return Health::kServiceUnknown;
  if (!response.ok()) return response.status();
  return ToHealth(response->status());
}

absl::Status Client::WatchHealth(const std::string& service, Timeout timeout,
                                 absl::AnyInvocable<bool(Health)> on_change) {
  HealthCheckRequest request;
  request.set_service(service);
  bool satisfied = false;
  absl::Status status = connection_->Run(timeout, [&](grpc::ClientContext* context) {
    const auto reader = connection_->health->Watch(context, request);
    HealthCheckResponse response;
    while (!satisfied && reader->Read(&response)) satisfied = !on_change(ToHealth(response.status()));
    if (satisfied) context->TryCancel();
    return reader->Finish();
  });
  if (satisfied) return absl::OkStatus();
  // A server that ends the stream in order has gone as well.
  return status.ok() ? absl::UnavailableError("the server ended the watch") : status;
}

std::vector<FieldViolation> FieldViolations(const absl::Status& status) {
  std::vector<FieldViolation> violations;
  const auto payload = status.GetPayload(kBadRequestUrl);
  google::rpc::BadRequest detail;
  if (!payload || !detail.ParseFromString(std::string(*payload))) return violations;
  for (const auto& violation : detail.field_violations()) {
    violations.push_back({violation.field(), violation.description()});
  }
  return violations;
}

std::string RequestId(const absl::Status& status) {
  const auto payload = status.GetPayload(kRequestIdPayload);
  return payload ? std::string(*payload) : std::string();
}

}  // namespace roberta::client
