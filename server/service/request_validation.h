#pragma once

#include <cstddef>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "profiles/registry/registry.h"
#include "profiles/tokenizer/tokenizer.h"
#include "roberta/internal/requests.pb.h"
#include "roberta/v1/classifier.pb.h"
#include "server/admission/profile_choice.h"
#include "server/batching/batch.h"

namespace roberta::service {

struct RequestLimits {
  size_t max_items = 0;
  size_t max_item_characters = 0;  ///< Unicode code points of both texts of an item together
};

/// The checked fields of a request that apply to all of its items.
struct CallSettings {
  tokenizer::Truncation truncation = tokenizer::Truncation::kError;
  v1::FunctionToApply function = v1::FUNCTION_AUTO;
  std::optional<size_t> top_k;
  bool return_logits = false;
  bool allow_partial = false;
  call::Priority priority = call::Priority::kNormal;
  admission::Objective objective;  ///< its deadline is that of the call
};

/// What is wrong with one field of a request.
struct FieldProblem {
  std::string field;  ///< path from the request: "items[3].text"
  absl::Status status;
};

/// Checks everything except the contents of the items.
std::optional<FieldProblem> ValidateCall(const internal::RawClassifyRequest& request, const RequestLimits& limits,
                                         CallSettings* settings);

/// Checks everything except the items.
std::optional<FieldProblem> ValidateCallSettings(const internal::RawClassifyRequest& request, CallSettings* settings);

/// Checks the two settings that every request has.
std::optional<FieldProblem> ValidateSettings(int32_t truncation, int32_t function_to_apply, CallSettings* settings);

/// Checks one item: blank texts, UTF-8, length. `field` is its path: "items[3]". Time is linear in its size.
std::optional<FieldProblem> ValidateItem(const internal::RawItem& item, const std::string& field,
                                         const RequestLimits& limits);

/// Tokenizes an item that ValidateItem accepts; `field` as there. Failure reason: kTooManyTokens.
std::optional<FieldProblem> EncodeItem(const registry::Registry& registry, const internal::RawItem& item,
                                       const std::string& field, tokenizer::Truncation truncation,
                                       tokenizer::Encoding* encoding);

/// The same with other options; max_tokens 0 is no limit.
std::optional<FieldProblem> EncodeItem(const tokenizer::Tokenizer& tokenizer, const internal::RawItem& item,
                                       const std::string& field, const tokenizer::EncodeOptions& options,
                                       tokenizer::Encoding* encoding);

/// Bytes of both texts of an item.
inline size_t BytesOf(const internal::RawItem& item) {
  return item.text().size() + item.text_pair().size();
}

/// `text` in double quotes, for a message: escaped to printable ASCII, and cut where it is long.
std::string Quote(const std::string& text);

}  // namespace roberta::service
