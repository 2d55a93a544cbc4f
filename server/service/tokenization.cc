#include "server/service/tokenization.h"

#include <algorithm>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "server/service/admission_control.h"
#include "server/service/call_end.h"
#include "server/service/profile_backend.h"

namespace roberta::service {

using call::Phase;

Tokenization::Tokenization(Parts parts) : parts_(std::move(parts)) {
  // Tokens that do not come from the text have an empty offset at 0, as blanks in a text may have, but not this letter.
  tokenizer::Encoding letter;
  if (!parts_.registry->tokenizer().Encode("a", std::nullopt, {.with_offsets = true}, &letter).ok()) return;
  const auto is_text = [](const tokenizer::Offset& offset) { return offset != tokenizer::Offset(); };
  const auto first = std::ranges::find_if(letter.offsets, is_text);
  if (first == letter.offsets.end()) return;
  const auto last = std::find_if(letter.offsets.rbegin(), letter.offsets.rend(), is_text);
  around_.leading_special = static_cast<size_t>(first - letter.offsets.begin());
  around_.trailing_special = static_cast<size_t>(last - letter.offsets.rbegin());
}

void Tokenization::Start(std::shared_ptr<TokenizeCall> call) {
  call->in_flight = parts_.metrics->calls().Started();
  if (call->outcome.status.ok()) call->outcome.status = parts_.concurrency->Admit(*call, &call->permit);
  if (!call->outcome.status.ok()) return Finish(*call);
  parts_.tokenizers->Push([this, call = std::move(call)] {
    call->clock.End(Phase::kQueue);
    Tokenize(*call);
    call->clock.End(Phase::kTokenize);
    Finish(*call);
  });
}

void Tokenization::Tokenize(TokenizeCall& call) const {
  TokenizedTexts& tokenized = call.outcome.response = around_;
  for (const internal::RawItem& item : call.request.items()) {
    call.outcome.status = CheckStillWanted(call.cancelled, call.deadline);
    if (!call.outcome.status.ok()) return;
    const std::string field = absl::StrCat("items[", tokenized.encodings.size(), "]");
    tokenizer::Encoding& encoding = tokenized.encodings.emplace_back();
    auto problem = ValidateItem(item, field, parts_.limits);
    if (!problem) {
      problem = EncodeItem(parts_.registry->tokenizer(), item, field, {.with_offsets = true}, &encoding);
    }
    if (!problem) continue;
    call.outcome.status = problem->status;
    call.outcome.problems.push_back(*std::move(problem));
    return;
  }
}

void Tokenization::Finish(TokenizeCall& call) const {
  call.clock.End(Phase::kPost);
  CountAndLog(parts_, {call::Method::kTokenize, /*profile=*/{}, call.outcome.status, call, call.clock},
              [&](request_log::Record* record) {
                request_log::Work& work = record->work.emplace();
                work.items = static_cast<size_t>(call.request.items_size());
                work.failed_items = call.outcome.status.ok() ? 0 : work.items;
                for (const tokenizer::Encoding& encoding : call.outcome.response.encodings) {
                  work.tokens += encoding.ids.size();
                }
                work.priority = call::NameOf(call::Priority::kNormal);
                work.phase_ns = call.clock.spent_ns();
              });
  Complete(parts_, call);
}

}  // namespace roberta::service
