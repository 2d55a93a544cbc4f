#include "client/cli/call_carrier.h"

#include <utility>

namespace roberta::cli {

void CallCarrier::Send(Parcel* parcel) {
  v1::ClassifyRequest request = options_.request;
  AddItems(parcel->batch, &request);
  {
    const std::lock_guard lock(mailbox_->mutex);
    ++in_flight_;
  }
  client_->StartClassify(std::move(request), options_.timeout,
                         [this, parcel](absl::StatusOr<v1::ClassifyResponse> answer) {
                           const std::lock_guard lock(mailbox_->mutex);
                           --in_flight_;
                           parcel->batch.answer = std::move(answer);
                           parcel->done = true;
                           mailbox_->news.notify_all();
                         });
}

}  // namespace roberta::cli
