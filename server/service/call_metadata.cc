#include "server/service/call_metadata.h"

#include <iterator>
#include <optional>
#include <string_view>

#include "server/request_log/record.h"

namespace roberta::service {

using request_log::Milliseconds;

namespace {

std::optional<std::string_view> OnlyValue(const grpc::CallbackServerContext& context, const char* key) {
  const auto [first, last] = context.client_metadata().equal_range(key);
  if (first == last || std::next(first) != last) return std::nullopt;
  return std::string_view(first->second.data(), first->second.size());
}

}  // namespace

request_log::CallIdentity Identify(grpc::CallbackServerContext* context) {
  request_log::CallIdentity identity =
      request_log::MakeIdentity(OnlyValue(*context, "x-request-id"), OnlyValue(*context, "traceparent"));
  context->AddTrailingMetadata("x-request-id", identity.request_id);
  return identity;
}

std::string ProfileOfMetadata(const grpc::CallbackServerContext& context) {
  const auto& metadata = context.client_metadata();
  const auto found = metadata.find("x-profile");
  return found == metadata.end() ? std::string() : std::string(found->second.data(), found->second.size());
}

void AddTimes(int64_t queue_ns, int64_t infer_ns, int64_t total_ns, grpc::CallbackServerContext* context) {
  context->AddTrailingMetadata("x-queue-time", Milliseconds(queue_ns));
  context->AddTrailingMetadata("x-inference-time", Milliseconds(infer_ns));
  context->AddTrailingMetadata("x-total-time", Milliseconds(total_ns));
}

}  // namespace roberta::service
