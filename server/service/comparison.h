#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "profiles/registry/registry.h"
#include "profiles/tokenizer/tokenizer.h"
#include "roberta/internal/requests.pb.h"
#include "roberta/v1/classifier.pb.h"
#include "server/batching/batch.h"
#include "server/service/parts.h"
#include "server/service/request_validation.h"
#include "server/service/unary_call.h"

namespace roberta::service {

/// One profile of a comparison, and its result.
struct ComparedProfile {
  std::string name;
  registry::LoadedProfile profile;  ///< empty if `status` was not ok from the start
  absl::Status status;
  std::vector<float> logits;  ///< [labels]
  int64_t infer_ns = 0;
};

/// One Compare call.
struct ComparisonCall : UnaryCall<internal::RawCompareRequest, v1::CompareResponse> {
  using UnaryCall::UnaryCall;

  CallSettings settings;
  tokenizer::Encoding encoding;
  std::vector<ComparedProfile> profiles;  ///< in the order of the response
  ComparedProfile baseline;               ///< its name is empty if the baseline is not READY
  batching::Job job;                      ///< the whole comparison as one item without outputs
};

/// The way of a Compare call from request to response: tokenized once, then run by one executor through one profile
/// after another, so that their times can be compared. Any thread may call.
class Comparison {
 public:
  explicit Comparison(Parts parts) : parts_(std::move(parts)) {}

  /// Starts `call`; never blocks. Its `done` is called exactly once, perhaps before this returns.
  void Start(std::shared_ptr<ComparisonCall> call);

 private:
  void Prepare(ComparisonCall& call) const;
  void SelectProfiles(ComparisonCall& call) const;
  void Enqueue(std::shared_ptr<ComparisonCall> call);
  void RunProfiles(ComparisonCall& call) const;
  void RunTimed(const ComparisonCall& call, ComparedProfile* compared) const;
  void FillResponse(ComparisonCall& call) const;
  void Finish(ComparisonCall& call) const;

  const Parts parts_;
};

}  // namespace roberta::service
