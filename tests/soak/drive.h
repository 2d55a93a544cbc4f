#pragma once

#include <cstddef>
#include <functional>

#include "client/direct_client.h"
#include "tests/soak/books.h"
#include "tests/soak/random_call.h"

namespace roberta::soak {

/// Sends what `next` makes, at most `in_flight` at a time, cancels those that are to be, and books every call. Ends
/// when `next_wanted` is false and every call has ended. Both run on the calling thread.
void Drive(client::DirectClient* client, size_t in_flight, const std::function<bool()>& next_wanted,
           const std::function<RandomCall()>& next, Books* books);

/// One call and its answer.
client::Answer CallAndWait(client::DirectClient* client, const RandomCall& call);

}  // namespace roberta::soak
