#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/types/span.h"
#include "profiles/encoder/packed_batch.h"
#include "profiles/encoder/recipe.h"
#include "profiles/team/team.h"

namespace roberta::encoder {

/// How a loaded profile describes itself.
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

  /// Computes the logits of every sequence of `batch` into `logits`, row-major [batch.sequences(), labels]. Errors,
  /// with `logits` unspecified: InvalidArgument for a malformed batch, Internal for a failing backend.
  virtual absl::Status Run(const PackedBatch& batch, absl::Span<float> logits) const = 0;

  /// As Run, with the same logits to the bit, on as many threads as `team` has at the time. A profile that cannot share
  /// its work runs on the calling thread.
  virtual absl::Status RunShared(const PackedBatch& batch, absl::Span<float> logits, team::Team* /*team*/) const {
    return Run(batch, logits);
  }

  virtual const ProfileDescription& description() const = 0;
};

/// Where the time of a run goes.
enum class Part { kEmbedding, kProducts, kAttention, kNorms, kGelu, kHead };
inline constexpr size_t kParts = 6;
inline constexpr std::array<const char*, kParts> kPartNames = {"embedding", "products", "attention",
                                                               "norms",     "gelu",     "head"};

struct PartTimes {
  std::array<int64_t, kParts> ns = {};
  uint64_t product_macs = 0;  ///< multiply-accumulates of the encoder's products
};

/// A profile that can report where its time went, and the ranges of its products' inputs.
class TimedProfile : public Profile {
 public:
  /// As Run, and adds to `*times`, which may be nullptr.
  virtual absl::Status RunTimed(const PackedBatch& batch, absl::Span<float> logits, PartTimes* times) const = 0;

  /// As Run, and widens `*ranges` (which may be empty at first) to the inputs of the products. FailedPrecondition if
  /// they are not all float32.
  virtual absl::Status RunWatched(const PackedBatch& batch, absl::Span<float> logits, InputRanges* ranges) const = 0;
};

/// Adds the time since the last call to a part. One thread at a time.
class PartClock {
 public:
  /// Without `times` the clock is not read.
  void Start(PartTimes* times) {
    times_ = times;
    if (times_ != nullptr) last_ = std::chrono::steady_clock::now();
  }
  void End(Part part) {
    if (times_ == nullptr) return;
    const auto now = std::chrono::steady_clock::now();
    times_->ns[static_cast<size_t>(part)] += std::chrono::duration_cast<std::chrono::nanoseconds>(now - last_).count();
    last_ = now;
  }
  void CountMacs(uint64_t macs) {
    if (times_ != nullptr) times_->product_macs += macs;
  }

 private:
  PartTimes* times_ = nullptr;
  std::chrono::steady_clock::time_point last_;
};

}  // namespace roberta::encoder
