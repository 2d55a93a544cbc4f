#include "server/transport/grpc_status.h"

#include "absl/strings/str_cat.h"
#include "google/rpc/error_details.pb.h"
#include "google/rpc/status.pb.h"
#include "server/call/failure_reason.h"

namespace roberta::transport {

namespace {

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

}  // namespace roberta::transport
