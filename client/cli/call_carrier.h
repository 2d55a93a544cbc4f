#pragma once

#include "client/cli/batch_carrier.h"

namespace roberta::cli {

struct CallCarrierOptions {
  v1::ClassifyRequest request;  ///< everything but the items
  client::Timeout timeout{60000};
  size_t calls_in_flight = 4;
};

/// A Classify call for each batch, several at a time.
class CallCarrier final : public BatchCarrier {
 public:
  /// `client` and `mailbox` must outlive the calls, and so this.
  CallCarrier(client::Client* client, CallCarrierOptions options, Mailbox* mailbox)
      : client_(client), options_(std::move(options)), mailbox_(mailbox) {
    options_.request.set_allow_partial(true);
  }

  /// A call that waits to be emitted takes memory like one in flight, so both count.
  bool Takes(size_t parcels) const override {
    return parcels < 2 * options_.calls_in_flight && in_flight_ < options_.calls_in_flight;
  }
  void Send(Parcel* parcel) override;

 private:
  client::Client* const client_;
  CallCarrierOptions options_;
  Mailbox* const mailbox_;
  size_t in_flight_ = 0;  ///< guarded by Mailbox::mutex
};

}  // namespace roberta::cli
