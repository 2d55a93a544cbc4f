#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/types/span.h"
#include "profiles/encoder/packed_batch.h"
#include "profiles/team/team.h"

namespace roberta::encoder {

/// What a loaded profile says of itself.
struct ProfileDescription {
  std::string precision;             ///< "fp32", "int8", ...
  std::vector<std::string> kernels;  ///< the implementations chosen, in words
  int64_t weight_bytes = 0;          ///< memory its weights take
};

/// One way of running the classifier. Implementations are immutable after construction: any number of threads may call
/// Run.
class Profile {
 public:
  virtual ~Profile() = default;
  Profile() = default;
  Profile(const Profile&) = delete;
  Profile& operator=(const Profile&) = delete;

  /// Computes the logits of every sequence of `batch` into `logits`, row-major [batch.sequences(), labels], owned by
  /// the caller. Errors: InvalidArgument for a malformed batch, Internal for a failing backend; `logits` are then
  /// unspecified.
  virtual absl::Status Run(const PackedBatch& batch, absl::Span<float> logits) const = 0;

  /// As Run, and to the bit with the same logits, on as many threads as `team` has at the time. A profile that cannot
  /// be shared out runs on the calling thread.
  virtual absl::Status RunShared(const PackedBatch& batch, absl::Span<float> logits, team::Team* /*team*/) const {
    return Run(batch, logits);
  }

  virtual const ProfileDescription& description() const = 0;
};

}  // namespace roberta::encoder
