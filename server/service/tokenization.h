#pragma once

#include <cstddef>
#include <memory>
#include <vector>

#include "profiles/tokenizer/tokenizer.h"
#include "roberta/internal/requests.pb.h"
#include "server/service/parts.h"
#include "server/service/unary_call.h"

namespace roberta::service {

/// Texts as tokens, whatever their length.
struct TokenizedTexts {
  std::vector<tokenizer::Encoding> encodings;  ///< [texts], with offsets
  size_t leading_special = 0;  ///< tokens at the beginning and the end of each that do not come from the text
  size_t trailing_special = 0;
};

/// One Tokenize call, which ends with all texts or with the first problem; of the items, text counts.
struct TokenizeCall : UnaryCall<internal::RawClassifyRequest, TokenizedTexts> {
  using UnaryCall::UnaryCall;
};

/// The way of a Tokenize call: permit, on the thread that delivers the request, then the tokenizer pool. It needs no
/// profile. Any thread may call.
class Tokenization {
 public:
  explicit Tokenization(Parts parts);

  /// Starts `call`; never blocks. Its `done` is called exactly once, perhaps before this returns.
  void Start(std::shared_ptr<TokenizeCall> call);

 private:
  void Tokenize(TokenizeCall& call) const;
  void Finish(TokenizeCall& call) const;

  const Parts parts_;
  TokenizedTexts around_;  ///< without encodings
};

}  // namespace roberta::service
