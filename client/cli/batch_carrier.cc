#include "client/cli/batch_carrier.h"

namespace roberta::cli {

bool IsLasting(const absl::Status& status) {
  switch (status.code()) {
    case absl::StatusCode::kInvalidArgument:  // of the call: a bad item has a status of its own
    case absl::StatusCode::kNotFound:
    case absl::StatusCode::kFailedPrecondition:
    case absl::StatusCode::kUnimplemented:
    case absl::StatusCode::kUnauthenticated:
    case absl::StatusCode::kPermissionDenied:
    case absl::StatusCode::kUnavailable:  // the client has tried again already
      return true;
    default:
      return false;
  }
}

void CallCarrier::Send(InFlightBatch* in_flight) {
  v1::ClassifyRequest request = options_.request;
  AddItems(in_flight->batch, &request);
  {
    const std::lock_guard lock(completions_->mutex);
    ++calls_;
  }
  client_->StartClassify(std::move(request), options_.timeout,
                         [this, in_flight](absl::StatusOr<v1::ClassifyResponse> answer) {
                           const std::lock_guard lock(completions_->mutex);
                           --calls_;
                           in_flight->batch.answer = std::move(answer);
                           in_flight->done = true;
                           completions_->changed.notify_all();
                         });
}

}  // namespace roberta::cli
