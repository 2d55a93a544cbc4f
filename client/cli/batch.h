#pragma once

#include <optional>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "client/cli/items.h"
#include "roberta/v1/classifier.pb.h"

namespace roberta::cli {

/// Items that went to the server together, and what came back.
struct Batch {
  std::vector<Item> items;
  /// Unset where no item could be sent. Its results are those of the items without a problem, in their order.
  std::optional<absl::StatusOr<v1::ClassifyResponse>> answer;
};

/// Whether a call that failed with `status` would fail again: all but overload, deadlines and internal errors.
bool IsLasting(const absl::Status& status);

}  // namespace roberta::cli
