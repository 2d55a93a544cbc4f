#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>

#include "absl/status/status.h"
#include "profiles/encoder/input_ranges.h"
#include "profiles/encoder/profile.h"

namespace roberta::encoder {

/// Where the time of a run goes.
enum class Part { kEmbedding, kProducts, kAttention, kNorms, kGelu, kHead };
inline constexpr size_t kParts = 6;
inline constexpr std::array<const char*, kParts> kPartNames = {"embedding", "products", "attention",
                                                               "norms",     "gelu",     "head"};

struct PartTimes {
  std::array<int64_t, kParts> ns = {};
  uint64_t product_macs = 0;  ///< multiply-accumulates of the encoder's products
};

/// A profile that can say where its time went, and what its products multiply.
class TimedProfile : public Profile {
 public:
  /// As Run, and adds to `*times`, which may be nullptr.
  virtual absl::Status RunTimed(const PackedBatch& batch, absl::Span<float> logits, PartTimes* times) const = 0;

  /// As Run, and widens `*ranges` (which may be empty at first) to the inputs of the products. FailedPrecondition if
  /// they are not all float32.
  virtual absl::Status RunWatched(const PackedBatch& batch, absl::Span<float> logits, InputRanges* ranges) const = 0;
};

/// Books the time since the last call under a part. One thread at a time.
class PartClock {
 public:
  /// Without `times` nothing is read or booked.
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
