#pragma once

#include <memory>
#include <utility>

#include "absl/status/status.h"
#include "server/service/parts.h"
#include "server/service/profile_selection.h"
#include "server/service/unary_call.h"

namespace roberta::service {

/// The way of a Classify call from request to response:
///   permit -> validation -> profile selection -> admission       (on the thread that delivers the request)
///   -> item validation and tokenizing                            (tokenizer pool)
///   -> queue -> batch                                            (executors)
///   -> response, counting, logging, shadow traffic               (tokenizer pool)
/// A call that fails anywhere goes straight to the last step. Any thread may call.
class Classification {
 public:
  explicit Classification(Parts parts) : parts_(std::move(parts)), selection_(parts_) {}

  /// Starts `call`; never blocks. Its `done` is called exactly once, perhaps before this returns.
  void Start(std::shared_ptr<ClassifyCall> call);

  /// Selects the profile for a stream, without brown-out, and notes it in `stream` and its response. Refuses
  /// the stream where memory is short.
  absl::Status SelectProfileOfStream(ClassifyCall& stream) const;
  /// Starts a part of a stream, as bulk work. The stream holds the permit, is counted as a call itself, and has put its
  /// settings and profile into `call`: only the items of the part are counted here.
  void StartPart(std::shared_ptr<ClassifyCall> call);

 private:
  using CallPointer = std::shared_ptr<ClassifyCall>;

  absl::Status Admit(ClassifyCall& call) const;
  void TokenizeAndEnqueue(CallPointer call);
  void Tokenize(ClassifyCall& call) const;
  void Enqueue(CallPointer call);
  void CollectResults(ClassifyCall& call) const;
  void Finish(ClassifyCall& call);
  void CountItems(const ClassifyCall& call) const;

  const Parts parts_;
  const ProfileSelection selection_;
};

}  // namespace roberta::service
