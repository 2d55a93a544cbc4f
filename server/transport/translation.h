#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "server/call/failure_reason.h"
#include "server/service/request_validation.h"
#include "server/service/unary_call.h"

// How the messages of an API become a call of the service, and its outcome a response. Nothing here knows gRPC.
namespace roberta::transport {

/// The translation for methods whose messages are those of the call itself. Translations of other APIs have the same
/// members (see tei.h and oip.h). An object lives as long as its call, which one thread at a time works on.
template <typename ServiceCall>
struct Direct {
  using Call = ServiceCall;
  using Response = typename Call::Response;

  /// Where the request is read to.
  auto* request(Call* call) { return &call->request; }
  /// Makes the request of `*call` of what was read; may shorten its deadline. A failure ends the call.
  absl::Status Begin(Call* /*call*/) { return absl::OkStatus(); }
  /// Puts an outcome that is ok into a response, which `*storage` may hold; may turn it into a failure. Of an outcome
  /// that is not ok, names the fields as the client knows them, and returns anything.
  const Response* End(service::Outcome<Response>& outcome, Response* /*storage*/) { return &outcome.response; }
};

/// `FIELD: what`, which is noted in `*problems` as well.
absl::Status FieldError(const std::string& field, std::string_view what, std::vector<service::FieldProblem>* problems,
                        call::FailureReason reason = call::FailureReason::kBadField);

/// A field of an item of a call: "items[3].text_pair".
struct ItemField {
  size_t item = 0;
  bool is_pair = false;
};
/// nullopt for other fields.
std::optional<ItemField> ParseItemField(std::string_view field);

/// Gives the fields in `*problems` other names, and in the messages too, which begin with them: those of the problems,
/// and `*status`, which is about the first one.
void RenameFields(absl::FunctionRef<std::string(const std::string&)> new_name, absl::Status* status,
                  std::vector<service::FieldProblem>* problems);

}  // namespace roberta::transport
