#include "server/transport/metadata.h"

#include <iterator>
#include <optional>
#include <string>
#include <string_view>

#include "absl/strings/str_cat.h"
#include "server/call/failure_reason.h"
#include "server/request_log/record.h"

namespace roberta::transport {
namespace {

std::optional<std::string_view> OnlyValue(const grpc::CallbackServerContext& context, const char* key) {
  const auto [first, last] = context.client_metadata().equal_range(key);
  if (first == last || std::next(first) != last) return std::nullopt;
  return std::string_view(first->second.data(), first->second.size());
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

}  // namespace

call::Head ReadHead(grpc::CallbackServerContext* context) {
  call::Head head;
  head.identity = call::MakeIdentity(OnlyValue(*context, "x-request-id"), OnlyValue(*context, "traceparent"));
  const auto& metadata = context->client_metadata();
  if (const auto profile = metadata.find("x-profile"); profile != metadata.end()) {
    head.metadata_profile.assign(profile->second.data(), profile->second.size());
  }
  head.deadline = context->deadline();
  context->AddTrailingMetadata("x-request-id", head.identity.request_id);
  return head;
}

void AddTrailers(const service::ClassifyCall& call, grpc::CallbackServerContext* context) {
  const v1::ClassifyResponse& response = call.outcome.response;
  if (!response.profile_used().empty()) context->AddTrailingMetadata("x-profile-used", response.profile_used());
  AddTimesAndRetryPushback(call.clock, call.outcome.status, context);
}

void AddTrailers(const service::ComparisonCall& call, grpc::CallbackServerContext* context) {
  AddTimesAndRetryPushback(call.clock, call.outcome.status, context);
}

}  // namespace roberta::transport
