#include "server/transport/metadata.h"

#include <grpc/grpc.h>

#include <functional>
#include <iterator>
#include <optional>
#include <string>
#include <string_view>

#include "absl/strings/str_cat.h"
#include "google/rpc/error_details.pb.h"
#include "google/rpc/status.pb.h"
#include "server/call/failure_reason.h"
#include "server/request_log/request_log.h"

namespace roberta::transport {
namespace {

std::optional<std::string_view> OnlyValue(const grpc::CallbackServerContext& context, const char* key) {
  const auto [first, last] = context.client_metadata().equal_range(key);
  if (first == last || std::next(first) != last) return std::nullopt;
  return std::string_view(first->second.data(), first->second.size());
}

constexpr size_t kLargestDetailBytes = 3000;

static_assert(static_cast<int>(absl::StatusCode::kUnauthenticated) == grpc::StatusCode::UNAUTHENTICATED &&
                  static_cast<int>(absl::StatusCode::kCancelled) == grpc::StatusCode::CANCELLED,
              "the two enumerations share their numbers");

google::rpc::BadRequest ListProblems(const std::vector<service::FieldProblem>& problems) {
  google::rpc::BadRequest list;
  for (size_t i = 0; i < problems.size(); ++i) {
    google::rpc::BadRequest::FieldViolation* violation = list.add_field_violations();
    if (list.ByteSizeLong() + problems[i].field.size() + problems[i].status.message().size() > kLargestDetailBytes) {
      violation->set_field("items");
      violation->set_description(absl::StrCat(problems.size() - i, " more bad items are not listed here"));
      break;
    }
    violation->set_field(problems[i].field);
    violation->set_description(std::string(problems[i].status.message()));
  }
  return list;
}

google::rpc::RetryInfo RetryInfoOf(std::chrono::milliseconds delay) {
  google::rpc::RetryInfo info;
  const auto seconds = std::chrono::floor<std::chrono::seconds>(delay);
  info.mutable_retry_delay()->set_seconds(seconds.count());
  info.mutable_retry_delay()->set_nanos(static_cast<int32_t>(std::chrono::nanoseconds(delay - seconds).count()));
  return info;
}

}  // namespace

call::Head ReadHead(grpc::CallbackServerContext* context) {
  call::Head head;
  head.identity = call::MakeIdentity(OnlyValue(*context, "x-request-id"), OnlyValue(*context, "traceparent"));
  const auto& metadata = context->client_metadata();
  if (const auto profile = metadata.find("x-profile"); profile != metadata.end()) {
    head.metadata_profile.assign(profile->second.data(), profile->second.size());
  }
  head.deadline = context->deadline();
  head.connection = std::hash<std::string>()(context->peer());
  context->AddTrailingMetadata("x-request-id", head.identity.request_id);
  return head;
}

void AddTimesAndRetryPushback(const call::PhaseClock& clock, const absl::Status& status,
                              grpc::CallbackServerContext* context) {
  using request_log::Milliseconds;
  context->AddTrailingMetadata("x-queue-time", Milliseconds(clock.spent_ns(call::Phase::kQueue)));
  context->AddTrailingMetadata("x-inference-time", Milliseconds(clock.spent_ns(call::Phase::kInfer)));
  context->AddTrailingMetadata("x-total-time", Milliseconds(clock.total_ns()));
  if (const auto delay = call::RetryDelayOf(status)) {
    context->AddTrailingMetadata("grpc-retry-pushback-ms", absl::StrCat(delay->count()));
  }
}

void AddTrailers(const service::ClassifyCall& call, grpc::CallbackServerContext* context) {
  const v1::ClassifyResponse& response = call.outcome.response;
  if (!response.profile_used().empty()) context->AddTrailingMetadata("x-profile-used", response.profile_used());
  AddTimesAndRetryPushback(call.clock, call.outcome.status, context);
}

grpc::Status ToGrpcStatus(const absl::Status& status, const std::vector<service::FieldProblem>& problems) {
  const auto code = static_cast<grpc::StatusCode>(status.code());
  const std::string message(status.message());
  if (status.ok()) return grpc::Status::OK;
  const auto retry_delay = call::RetryDelayOf(status);
  if (problems.empty() && !retry_delay) return grpc::Status(code, message);
  google::rpc::Status rich;
  rich.set_code(code);
  rich.set_message(message);
  if (!problems.empty()) rich.add_details()->PackFrom(ListProblems(problems));
  if (retry_delay) rich.add_details()->PackFrom(RetryInfoOf(*retry_delay));
  return grpc::Status(code, message, rich.SerializeAsString());
}

std::function<void()> EndingOf(grpc_call* call, const absl::Status& status) {
  grpc_call_ref(call);
  return [call, code = static_cast<grpc_status_code>(status.code()), message = std::string(status.message())] {
    grpc_call_cancel_with_status(call, code, message.c_str(), nullptr);
    grpc_call_unref(call);
  };
}

}  // namespace roberta::transport
