#pragma once

#include <grpcpp/grpcpp.h>

#include <functional>
#include <utility>

#include "absl/status/status.h"
#include "server/call/identity.h"
#include "server/security/guard.h"

// Where every call over gRPC shows who it is from.
namespace roberta::transport {

class LoadReports;

/// What a method asks of its callers, and whether it tells them the load of the server.
struct Gate {
  const security::Guard* guard;  ///< outlives the call; nullptr: everybody may
  security::Role needed;
  const LoadReports* load = nullptr;  ///< outlives the call; nullptr: its calls have no load reports
};

/// Reads what a call has before its first message, see ReadHead, and whether its caller may make it: by the metadata
/// authorization or the verified certificate of the connection. Failure reasons: those of call::Authorize.
absl::Status Enter(const Gate& gate, grpc::CallbackServerContext* context, call::Head* head);

/// Calls `finish` after the guard's delay, on a thread of a timer, or at once if there is none. Adds the trailing
/// metadata www-authenticate.
void FinishLater(const security::Guard& guard, grpc::CallbackServerContext* context, std::function<void()> finish);

/// Finishes a call that ended with `status`: at once, unless its credentials failed. Nothing blocks. The reactor that
/// `finish` finishes lives until then.
template <typename Finish>
void FinishWhenDue(const Gate& gate, const absl::Status& status, grpc::CallbackServerContext* context, Finish finish) {
  if (gate.guard == nullptr || !absl::IsUnauthenticated(status)) return finish();
  FinishLater(*gate.guard, context, std::move(finish));
}

}  // namespace roberta::transport
