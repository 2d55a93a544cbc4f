#include "server/service/request_validation.h"

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "profiles/tokenizer/utf8.h"
#include "server/call/failure_reason.h"

namespace roberta::service {

using call::FailureReason;
using call::Priority;

namespace {

constexpr size_t kLongestQuote = 64;

static_assert(static_cast<int>(tokenizer::Truncation::kRight) == v1::TRUNCATION_RIGHT &&
                  static_cast<int>(tokenizer::Truncation::kLeft) == v1::TRUNCATION_LEFT,
              "the two enumerations share their numbers");

FieldProblem Problem(const std::string& field, FailureReason reason, const std::string& message) {
  return {field, call::MakeStatus(reason, absl::StrCat(field, ": ", message))};
}

FieldProblem UnknownValue(const std::string& field, int32_t value) {
  return Problem(field, FailureReason::kBadField, absl::StrCat("unknown value ", value));
}

std::optional<FieldProblem> CheckUtf8(const std::string& field, const std::string& text) {
  const std::optional<size_t> invalid = tokenizer::FirstInvalidUtf8(text);
  if (!invalid) return std::nullopt;
  return Problem(field, FailureReason::kBadUtf8, absl::StrCat("invalid UTF-8 at byte ", *invalid));
}

std::optional<FieldProblem> CheckText(const std::string& field, const std::string& text) {
  if (auto problem = CheckUtf8(field, text)) return problem;
  if (tokenizer::IsBlank(text)) {
    return Problem(field, FailureReason::kBlankText, text.empty() ? "the text is empty" : "the text is blank");
  }
  return std::nullopt;
}

std::optional<FieldProblem> CheckObjective(const internal::RawObjective& objective, admission::Objective* checked) {
  const auto check_share = [](const char* field, double share) -> std::optional<FieldProblem> {
    if (share >= 0 && share <= 1) return std::nullopt;  // not so for NaN
    return Problem(field, FailureReason::kBadField, absl::StrCat(share, "; it must be between 0 and 1"));
  };
  if (objective.has_min_accuracy()) {
    if (auto problem = check_share("objective.min_accuracy", objective.min_accuracy())) return problem;
    checked->min_accuracy = objective.min_accuracy();
  }
  if (objective.has_min_agreement()) {
    if (auto problem = check_share("objective.min_agreement", objective.min_agreement())) return problem;
    checked->min_agreement = objective.min_agreement();
  }
  if (objective.has_max_latency_ms()) {
    if (objective.max_latency_ms() == 0) {
      return Problem("objective.max_latency_ms", FailureReason::kBadField, "0; it must be at least 1");
    }
    checked->max_latency = std::chrono::milliseconds(objective.max_latency_ms());
  }
  return std::nullopt;
}

}  // namespace

std::string Quote(const std::string& text) {
  const bool cut = text.size() > kLongestQuote;
  return absl::StrCat("\"", absl::CHexEscape(text.substr(0, kLongestQuote)), cut ? "..." : "", "\"");
}

std::optional<FieldProblem> ValidateCall(const internal::RawClassifyRequest& request, const RequestLimits& limits,
                                         CallSettings* settings) {
  const auto items = static_cast<size_t>(request.items_size());
  if (items == 0) return Problem("items", FailureReason::kNoItems, "the request has none");
  if (items > limits.max_items) {
    return Problem("items", FailureReason::kTooManyItems, absl::StrCat(items, " of them; at most ", limits.max_items));
  }
  return ValidateCallSettings(request, settings);
}

std::optional<FieldProblem> ValidateCallSettings(const internal::RawClassifyRequest& request, CallSettings* settings) {
  if (auto problem = ValidateSettings(request.truncation(), request.function_to_apply(), settings)) return problem;
  if (request.has_top_k()) {
    if (request.top_k() == 0) return Problem("top_k", FailureReason::kBadField, "0; it must be at least 1");
    settings->top_k = request.top_k();
  }
  constexpr Priority kPriorities[] = {Priority::kNormal, Priority::kLow, Priority::kHigh};  // [v1::Priority]
  static_assert(std::size(kPriorities) == v1::Priority_ARRAYSIZE);
  if (!v1::Priority_IsValid(request.priority())) return UnknownValue("priority", request.priority());
  settings->priority = kPriorities[request.priority()];
  if (auto problem = CheckObjective(request.objective(), &settings->objective)) return problem;
  settings->return_logits = request.return_logits();
  settings->allow_partial = request.allow_partial();
  return std::nullopt;
}

std::optional<FieldProblem> ValidateSettings(int32_t truncation, int32_t function_to_apply, CallSettings* settings) {
  if (!v1::Truncation_IsValid(truncation)) return UnknownValue("truncation", truncation);
  settings->truncation = static_cast<tokenizer::Truncation>(truncation);
  if (!v1::FunctionToApply_IsValid(function_to_apply)) return UnknownValue("function_to_apply", function_to_apply);
  settings->function = static_cast<v1::FunctionToApply>(function_to_apply);
  return std::nullopt;
}

std::optional<FieldProblem> ValidateItem(const internal::RawItem& item, const std::string& field,
                                         const RequestLimits& limits) {
  const std::string prefix = field + ".";
  if (auto problem = CheckUtf8(prefix + "id", item.id())) return problem;
  if (auto problem = CheckText(prefix + "text", item.text())) return problem;
  size_t characters = tokenizer::CountCodePoints(item.text());
  if (!item.text_pair().empty()) {
    if (auto problem = CheckText(prefix + "text_pair", item.text_pair())) return problem;
    characters += tokenizer::CountCodePoints(item.text_pair());
  }
  if (characters > limits.max_item_characters) {
    return Problem(prefix + "text", FailureReason::kTooManyCharacters,
                   absl::StrCat(characters, " characters; at most ", limits.max_item_characters));
  }
  return std::nullopt;
}

std::optional<FieldProblem> EncodeItem(const registry::Registry& registry, const internal::RawItem& item,
                                       const std::string& field, tokenizer::Truncation truncation,
                                       tokenizer::Encoding* encoding) {
  const auto max_tokens = static_cast<size_t>(registry.checkpoint().config().max_tokens());
  return EncodeItem(registry.tokenizer(), item, field, {.max_tokens = max_tokens, .truncation = truncation}, encoding);
}

std::optional<FieldProblem> EncodeItem(const tokenizer::Tokenizer& tokenizer, const internal::RawItem& item,
                                       const std::string& field, const tokenizer::EncodeOptions& options,
                                       tokenizer::Encoding* encoding) {
  std::optional<std::string_view> pair;
  if (!item.text_pair().empty()) pair = item.text_pair();
  const absl::Status encoded = tokenizer.Encode(item.text(), pair, options, encoding);
  if (encoded.ok()) return std::nullopt;
  return Problem(field + ".text", FailureReason::kTooManyTokens, std::string(encoded.message()));
}

}  // namespace roberta::service
