#pragma once

#include <condition_variable>
#include <cstddef>
#include <mutex>

#include "client/cli/batch.h"
#include "client/client.h"

namespace roberta::cli {

class BatchCarrier;

/// A batch on its way.
struct Parcel {
  Batch batch;
  BatchCarrier* carrier = nullptr;  ///< that it was given to
  bool is_large = false;            ///< too large to share a stream with others
  bool done = false;                ///< guarded by Mailbox::mutex until it is true; then the answer stands
};

/// Where carriers tell that something has come.
struct Mailbox {
  std::mutex mutex;
  std::condition_variable news;
};

/// How batches go to the server and their answers come back. One thread.
class BatchCarrier {
 public:
  virtual ~BatchCarrier() = default;

  /// Whether Send would take another batch now, with `parcels` of them not yet emitted. Called with Mailbox::mutex
  /// held.
  virtual bool Takes(size_t parcels) const = 0;
  /// Sends those items that have no problem; there is one. The parcel must live until it is done.
  virtual void Send(Parcel* parcel) = 0;
  /// Nothing more will be sent.
  virtual void Close() {}
  /// To be called now and then while parcels are awaited.
  virtual void Watch() {}
  /// After Close: nothing more will be told. Called with Mailbox::mutex held.
  virtual bool HasEnded() const { return true; }
  /// The server does not know this way: what is not done has to go another. Called with Mailbox::mutex held.
  virtual bool IsUnknownToServer() const { return false; }
  /// What kept the carrier from going on, beyond the answers of single batches. With Mailbox::mutex held.
  virtual absl::Status failure() const { return absl::OkStatus(); }
};

/// Puts those items of a batch that have no problem into `request`, which may be any message with items.
template <typename Request>
void AddItems(const Batch& batch, Request* request) {
  for (const Item& item : batch.items) {
    if (!item.problem.ok()) continue;
    v1::Item* sent = request->add_items();
    sent->set_text(item.text);
    if (item.text_pair) sent->set_text_pair(*item.text_pair);
  }
}

}  // namespace roberta::cli
