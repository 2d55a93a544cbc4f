#pragma once

#include <cstddef>
#include <memory>

#include "profiles/tokenizer/tokenizer.h"
#include "roberta/internal/requests.pb.h"
#include "server/service/parts.h"
#include "server/service/unary_call.h"

namespace roberta::service {

/// A text as tokens, whatever its length.
struct TokenizedText {
  tokenizer::Encoding encoding;  ///< with offsets
  size_t leading_special = 0;    ///< tokens at its beginning and its end that do not come from the text
  size_t trailing_special = 0;
};

/// One Tokenize call; of the item, text counts. Its path in errors is "item".
struct TokenizeCall : UnaryCall<internal::RawItem, TokenizedText> {
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
  TokenizedText around_;  ///< its encoding is empty
};

}  // namespace roberta::service
