#include "server/service/tokenization.h"

#include <algorithm>
#include <utility>

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
  call.outcome.status = CheckStillWanted(call.cancelled, call.deadline);
  if (!call.outcome.status.ok()) return;
  TokenizedText& tokenized = call.outcome.response = around_;
  auto problem = ValidateItem(call.request, "item", parts_.limits);
  if (!problem) {
    problem =
        EncodeItem(parts_.registry->tokenizer(), call.request, "item", {.with_offsets = true}, &tokenized.encoding);
  }
  if (!problem) return;
  call.outcome.status = problem->status;
  call.outcome.problems.push_back(*std::move(problem));
}

void Tokenization::Finish(TokenizeCall& call) const {
  call.clock.End(Phase::kPost);
  CountAndLog(parts_, {call::Method::kTokenize, /*profile=*/{}, call.outcome.status, call.identity, call.clock},
              [&](request_log::Record* record) {
                request_log::Work& work = record->work.emplace();
                work.items = 1;
                work.failed_items = call.outcome.status.ok() ? 0 : 1;
                work.tokens = call.outcome.response.encoding.ids.size();
                work.priority = call::NameOf(call::Priority::kNormal);
                work.phase_ns = call.clock.spent_ns();
              });
  Complete(parts_, call);
}

}  // namespace roberta::service
